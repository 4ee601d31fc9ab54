"""The policy of the API function grants exactly the permissions that the API uses."""

from __future__ import annotations

from typing import Any

import pytest
from mypy_boto3_dynamodb import DynamoDBClient
from mypy_boto3_s3 import S3Client

from tests.faults.operation_requests import REQUESTS
from tests.support.api import Api
from tests.support.engine import Tables
from tests.support.objects import POSTER, create_keyed_bucket, create_object_bucket, objects
from tests.support.permissions import granted, logical_ids, permissions_used, renamed, required_permissions
from tests.support.world import bucket_body, new_world


def use_all_operations(api: Api) -> None:
    """Calls each operation in all ways that differ in their calls to AWS."""
    assert api.get("/v1/health/deep").status == 200
    _use_namespaces(api)
    _use_buckets(api)
    _use_lists(api)
    _use_objects(api)
    _use_tasks(api)
    _use_deletion(api)


def _use_deletion(api: Api) -> None:
    assert api.call("DELETE", "/v1/buckets/trailers").status == 200
    assert api.call("DELETE", "/v1/namespaces/novels").status == 200


def _use_namespaces(api: Api) -> None:
    assert api.post("/v1/namespaces", {"namespace_name": "books"}).status == 200
    assert api.post("/v1/namespaces", {"namespace_name": "books"}).status == 409
    assert api.get("/v1/namespaces/books").status == 200
    assert api.patch("/v1/namespaces/books", {"namespace_name": "novels"}).status == 200
    assert api.get("/v1/namespaces").status == 200


def _use_buckets(api: Api) -> None:
    assert api.post("/v1/buckets", bucket_body("posters")).status == 200
    assert api.post("/v1/buckets", bucket_body("posters")).status == 409
    assert api.get("/v1/buckets/posters").status == 200
    assert api.patch("/v1/buckets/posters", {"description": "On paper"}).status == 200
    assert api.patch("/v1/buckets/posters", {"bucket_name": "stills"}).status == 200
    narrower = {"properties": {"title": {"type": "integer"}}}
    assert api.patch("/v1/buckets/stills", {"bucket_schema": narrower}).status == 200
    stills = api.put("/v1/buckets/stills", bucket_body("stills")).json["bucket_id"]
    adapter = {"adapter_type": "bucket", "source_bucket_ids": [stills]}
    assert api.post("/v1/buckets", bucket_body("trailers", source_adapter=adapter)).status == 200
    assert api.patch("/v1/buckets/trailers", {"source_adapter": {**adapter, "enabled": False}}).status == 200


def _use_lists(api: Api) -> None:
    shorter: list[dict[str, Any]] = [
        {},
        {"search": "still"},
        {"search": "st*"},
        {"filters": {"AND": [{"field": "bucket_name", "operator": "eq", "value": "stills"}]}},
        {"sort": {"field": "bucket_name", "direction": "asc"}},
        {"sort": {"field": "object_count", "direction": "desc"}},
    ]
    for body in shorter:
        assert api.post("/v1/buckets/list", body).status == 200
    assert api.get("/v1/buckets").status == 200


def _use_tasks(api: Api) -> None:
    assert api.get("/v1/tasks/task_01kdvdna07crhfzd").status == 404
    assert api.post("/v1/tasks/list").status == 200
    assert api.call("DELETE", "/v1/tasks/task_01kdvdna07crhfzd").status == 200


def _use_objects(api: Api) -> None:
    bucket_id = create_keyed_bucket(api, "film_id", policy="upsert", name="reels")
    path = objects(bucket_id)
    assert (
        api.post(objects(create_object_bucket(api, "rushes")), {"blobs": [POSTER], "skip_duplicates": True}).status
        == 200
    )
    new = {"film_id": "tt1", "blobs": [POSTER], "skip_duplicates": True}
    made = api.post(path, new).json["object_id"]
    assert api.post(path, {**new, "take": 2}).json["object_id"] == made
    assert api.post(f"{path}/batch", {"objects": [{"film_id": "tt2"}, {"film_id": "tt3"}]}).status == 200
    assert api.get(f"{path}/{made}", query={"return_presigned_urls": True}).json["blobs"][0]["presigned_url"]
    assert api.patch(f"{path}/{made}", {"take": 3}).status == 200
    assert api.put(f"{path}/{made}", {"blobs": [POSTER]}).status == 200
    for body in ({}, {"sort": {"field": "created_at", "direction": "desc"}}, {"search": "tt*"}):
        assert api.post(f"{path}/list", body).status == 200
    assert api.get(path).status == 200
    assert api.post(f"{path}/bulk-soft-delete", {"object_ids": [made], "reason": "done"}).status == 200
    assert api.call("DELETE", f"{path}/{made}").status == 204


def test_the_policy_grants_exactly_what_the_api_uses(
    client: DynamoDBClient, tables: Tables, s3: S3Client, blob_bucket: str
) -> None:
    world = new_world(client, tables, s3, blob_bucket)
    with permissions_used(client, s3) as used:
        use_all_operations(world.api())
        for step in REQUESTS.values():
            assert step(world.api()).send(world.api()).status in (200, 204)
        world.services.blobs.remove(["blobs/of/one-that-lost-a-race"])
    assert renamed(used, logical_ids(world)) == granted("api")


@pytest.mark.parametrize(
    ("operation", "parameters", "expected"),
    [
        ("GetItem", {"TableName": "t"}, {("dynamodb:GetItem", "t")}),
        ("Query", {"TableName": "t", "IndexName": "i"}, {("dynamodb:Query", "t/index/i")}),
        ("BatchGetItem", {"RequestItems": {"t": {}}}, {("dynamodb:BatchGetItem", "t")}),
        (
            "TransactWriteItems",
            {"TransactItems": [{"Put": {"TableName": "t"}}, {"ConditionCheck": {"TableName": "u"}}]},
            {("dynamodb:PutItem", "t"), ("dynamodb:ConditionCheckItem", "u")},
        ),
        ("PutObject", {"Bucket": "b", "Key": "blobs/x/y"}, {("s3:PutObject", "b/blobs/*")}),
        ("DeleteObjects", {"Bucket": "b", "Delete": {"Objects": [{"Key": "x/y"}]}}, {("s3:DeleteObject", "b/x/*")}),
    ],
)
def test_the_permissions_that_a_call_requires(
    operation: str, parameters: dict[str, Any], expected: set[tuple[str, str]]
) -> None:
    assert set(required_permissions(operation, parameters)) == expected
