"""Deleting namespaces."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.buckets.models import BucketCreateRequest
from chalicelib.namespaces.errors import NamespaceNotActive
from tests.deletion.conftest import Work
from tests.support.api import Api, ApiResponse
from tests.support.catalog import partition_of
from tests.support.objects import blob_keys, create, create_object_bucket, created, text
from tests.support.seeding import traffic
from tests.support.world import World, bucket_body


def delete(api: Api, namespace: str, **query: str) -> ApiResponse:
    return api.call("DELETE", f"/v1/namespaces/{namespace}", query=query)


def deleted(api: Api, namespace: str, **query: str) -> dict[str, Any]:
    reply = delete(api, namespace, **query)
    assert reply.status == 200, reply.text
    return dict(reply.json)


def test_a_namespace_is_deleted_with_its_buckets_and_others_remain(api: Api, world: World, work: Work) -> None:
    temporary = api.post("/v1/namespaces", {"namespace_name": "temporary"}).json["namespace_id"]
    inside = api.using(namespace="temporary")
    for number in range(20):
        created(inside, create_object_bucket(inside, f"b{number}"), {"blobs": [text()]})
    kept = create_object_bucket(api)
    created(api, kept, {"blobs": [text()]})
    world.pump()

    begun = deleted(api, "temporary")
    assert {**begun, "task_id": ""} == {
        "task_id": "",
        "status": "PENDING",
        "namespace_id": temporary,
        "namespace_name": "temporary",
    }
    task = work.complete(begun["task_id"])

    assert task.status == "COMPLETED"
    assert task.progress == {"objects_deleted": 20, "blobs_deleted": 20, "buckets_deleted": 20}
    world.pump()
    assert api.get(f"/v1/namespaces/{temporary}").status == 404
    assert work.catalog_keys(temporary) == []
    assert len(work.rows()) == len(blob_keys(world)) == 1
    namespace = api.get("/v1/namespaces/films").json
    assert (namespace["bucket_count"], namespace["object_count"]) == (1, 1)


def test_a_namespace_being_deleted_rejects_writes_and_its_name_can_be_used(api: Api, world: World, work: Work) -> None:
    api.post("/v1/namespaces", {"namespace_name": "temporary"})
    inside = api.using(namespace="temporary")
    bucket = create_object_bucket(inside)
    begun = deleted(api, "temporary")
    by_id = api.using(namespace=begun["namespace_id"])

    rejected = [by_id.post("/v1/buckets", bucket_body()), create(by_id, bucket)]
    assert {(reply.status, reply.error["code"]) for reply in rejected} == {(409, "namespace_not_active")}
    assert api.patch(f"/v1/namespaces/{begun['namespace_id']}", {"description": "x"}).status == 409
    assert by_id.get(f"/v1/buckets/{bucket}").status == 200
    assert api.post("/v1/namespaces", {"namespace_name": "temporary"}).status == 200
    assert deleted(api, begun["namespace_id"])["task_id"] == begun["task_id"]
    assert work.complete(begun["task_id"]).status == "COMPLETED"
    assert delete(api, begun["namespace_id"]).status == 404


def test_a_bucket_cannot_be_created_after_the_deletion_has_started(api: Api, world: World) -> None:
    namespace_id = api.post("/v1/namespaces", {"namespace_name": "temporary"}).json["namespace_id"]
    partition = partition_of(world, "temporary")
    deleted(api, namespace_id)

    new = BucketCreateRequest.model_validate(bucket_body(), strict=False)
    with pytest.raises(NamespaceNotActive):
        world.services.buckets.create(partition, new)


def test_a_namespace_with_a_locked_bucket_is_deleted_only_if_forced(api: Api, world: World, work: Work) -> None:
    bucket = create_object_bucket(api)
    world.services.buckets.set_lock(partition_of(world), bucket, locked=True)
    reply = delete(api, "films")
    assert (reply.status, reply.error["code"]) == (403, "bucket_locked")
    assert work.complete(deleted(api, "films", force="true")["task_id"]).status == "COMPLETED"


def test_an_unknown_namespace_cannot_be_deleted(api: Api) -> None:
    assert delete(api, "nowhere").status == 404


def test_a_bucket_that_is_already_being_deleted_is_deleted_with_its_namespace(api: Api, work: Work) -> None:
    bucket = create_object_bucket(api)
    created(api, bucket)
    own = api.call("DELETE", f"/v1/buckets/{bucket}").json["task_id"]
    assert work.complete(deleted(api, "films")["task_id"]).status == "COMPLETED"
    assert work.complete(own).status == "COMPLETED"
    assert work.rows() == []


def test_the_rows_that_a_slice_reads_do_not_grow_with_the_number_of_buckets(api: Api, world: World, work: Work) -> None:
    for number in range(30):
        create_object_bucket(api, f"b{number}")
    task = world.services.tasks.get(world.organization_id, deleted(api, "films")["task_id"])
    with traffic(world) as seen:
        work.do_slice(task)
    assert seen.rows_read < 10
