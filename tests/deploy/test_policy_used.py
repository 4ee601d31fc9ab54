"""The policy of the API function grants exactly the permissions that the API uses."""

from __future__ import annotations

from typing import Any

import pytest
from mypy_boto3_dynamodb import DynamoDBClient
from mypy_boto3_s3 import S3Client

from tests.faults.operation_requests import REQUESTS
from tests.support.api import Api
from tests.support.batch_states import batch_path, submitted
from tests.support.batches import new_batch_world
from tests.support.engine import Tables
from tests.support.objects import POSTER, create_keyed_bucket, create_object_bucket, created, objects
from tests.support.permissions import Permission, granted, logical_ids, permissions_used, renamed, required_permissions
from tests.support.world import World, bucket_body, new_world
from tests.uploads.scenes import Scene


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


def use_uploads(scene: Scene) -> None:
    """Creates, confirms and cancels uploads. The URLs of uploads have the permissions of their signer."""
    scene.new_bucket()
    upload, canceled = scene.create(), scene.create()
    assert scene.confirm(upload).status == 400
    for each in (upload, canceled):
        scene.put(each)
    assert scene.cancel(canceled).status == 204
    assert scene.confirm(upload).status == 200


def ended_batch(world: World) -> str:
    """Returns the path of a batch that has ended, and has a manifest and a report."""
    run = new_batch_world(world)
    bucket_id = create_object_bucket(run.api, "processed")
    batch_id = submitted(run.api, bucket_id, created(run.api, bucket_id)["object_id"])
    run.pump()
    return batch_path(bucket_id, batch_id)


def test_the_policy_grants_exactly_what_the_api_uses(
    client: DynamoDBClient, tables: Tables, s3: S3Client, blob_bucket: str
) -> None:
    world = new_world(client, tables, s3, blob_bucket)
    api = world.api()
    batch, scene = ended_batch(world), Scene(new_batch_world(world))
    # Their preparation runs batches, which other functions do.
    requests = [new_request(api) for new_request in REQUESTS.values()]
    with permissions_used(client, s3) as used:
        use_all_operations(api)
        use_uploads(scene)
        for request in requests:
            assert request.send(api).status in (200, 204)
        assert api.get(batch, query={"return_presigned_urls": True}).json["report_url"]
        assert api.call("DELETE", batch).status == 200
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
        (
            "CopyObject",
            {"Bucket": "b", "Key": "blobs/y", "CopySource": {"Bucket": "b", "Key": "batches/x"}},
            {("s3:GetObject", "b/batches/*"), ("s3:PutObject", "b/blobs/*")},
        ),
        ("HeadObject", {"Bucket": "b", "Key": "blobs/x"}, {("s3:GetObject", "b/blobs/*"), ("s3:ListBucket", "b")}),
        ("SendMessageBatch", {"QueueUrl": "https://q", "Entries": []}, {("sqs:SendMessage", "https://q")}),
        ("Invoke", {"FunctionName": "arn"}, {("lambda:InvokeFunction", "arn")}),
        ("DeleteObjects", {"Bucket": "b", "Delete": {"Objects": [{"Key": "x/y"}]}}, {("s3:DeleteObject", "b/x/*")}),
    ],
)
def test_the_permissions_that_a_call_requires(
    operation: str, parameters: dict[str, Any], expected: set[tuple[str, str]]
) -> None:
    assert set(required_permissions(operation, parameters)) == expected


def test_queues_and_the_hook_in_a_policy_have_the_names_of_the_template() -> None:
    used = [("sqs:SendMessage", "https://batches"), ("lambda:InvokeFunction", "arn:hook")]
    found = renamed([Permission(*each) for each in used], {"https://batches": "BatchQueue", "arn:hook": "Processor"})
    assert found <= granted("batch-message", ("sqs:", "lambda:"))
