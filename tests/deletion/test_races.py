"""Other requests between two steps of a deletion."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from chalicelib.buckets.bucket import Bucket
from chalicelib.namespaces.store import NAME_RESERVATION_SECONDS
from chalicelib.objects.models import CreateObjectRequest
from tests.deletion.conftest import Work
from tests.support.api import Api
from tests.support.catalog import partition_of
from tests.support.objects import create_object_bucket, created
from tests.support.world import World


@contextmanager
def just_before(client: Any, call: str, action: Callable[[], None]) -> Iterator[None]:
    """Calls a function before the next call with this name, once."""
    service = client.meta.service_model.service_name
    pending = [action]

    def before(**_: Any) -> None:
        if pending:
            pending.pop()()

    client.meta.events.register(f"before-call.{service}.{call}", before)
    try:
        yield
    finally:
        client.meta.events.unregister(f"before-call.{service}.{call}", before)
    assert not pending, f"{call} was not called"


def store_after_reading(world: World, bucket: Bucket) -> None:
    """Stores an object as a slow writer does that read the bucket before its deletion."""
    request = CreateObjectRequest.model_validate({}, strict=False)
    world.services.objects.create_in(partition_of(world), bucket, request, policy=None)


@pytest.mark.parametrize("before", [0, 1])
def test_an_object_that_is_stored_after_the_rows_were_deleted_is_deleted(
    api: Api, world: World, work: Work, namespace_id: str, before: int
) -> None:
    bucket_id = create_object_bucket(api)
    found = world.services.buckets.get(partition_of(world), bucket_id)
    for _ in range(before):
        created(api, bucket_id)
        world.pump()
    task_id = api.call("DELETE", f"/v1/buckets/{bucket_id}").json["task_id"]

    def store_object() -> None:
        store_after_reading(world, found)
        world.pump()

    with just_before(world.s3, "ListObjectsV2", store_object):  # after the rows have been deleted
        task = work.complete(task_id)
    assert (task.status, task.progress["objects_deleted"]) == ("COMPLETED", before + 1)
    work.check_bucket_is_removed(bucket_id, namespace_id)
    assert work.rows() == []


def test_the_task_of_a_deleted_namespace_does_not_change_a_new_one_with_the_same_id(
    api: Api, world: World, work: Work
) -> None:
    named = {"namespace_name": "again", "namespace_id": "ns_again"}
    inside = api.using(namespace="ns_again")
    assert api.post("/v1/namespaces", named).status == 200
    task_id = api.call("DELETE", "/v1/namespaces/again").json["task_id"]
    task = world.services.tasks.get(world.organization_id, task_id)
    work.complete(task_id)

    world.clock.advance(NAME_RESERVATION_SECONDS + 1)
    assert api.post("/v1/namespaces", named).status == 200
    work.do_slice(task)
    bucket_id = create_object_bucket(inside)
    created(inside, bucket_id)
    work.do_slice(task)
    assert inside.get(f"/v1/buckets/{bucket_id}").json["status"] != "IN_PROGRESS"
    assert api.get("/v1/namespaces/again").json["bucket_count"] == 1
    assert len(work.rows()) == 1


def test_statistics_of_a_deleted_namespace_are_not_counted_in_a_new_one_with_the_same_id(
    api: Api, world: World, work: Work
) -> None:
    named = {"namespace_name": "again", "namespace_id": "ns_again"}
    inside = api.using(namespace="ns_again")
    for objects in (3, 2, 1):
        assert api.post("/v1/namespaces", named).status == 200
        first, second = create_object_bucket(inside, "first"), create_object_bucket(inside, "second")
        for _ in range(objects):
            created(inside, first)
        world.pump()  # also delivers records of the previous namespace
        created(inside, second)
        world.pump()
        shown = api.get("/v1/namespaces/again").json
        assert (shown["bucket_count"], shown["object_count"]) == (2, objects + 1)
        assert world.services.stats.verify(partition_of(world, "again"), None) == []
        task_id = api.call("DELETE", "/v1/namespaces/again").json["task_id"]
        assert work.complete(task_id).status == "COMPLETED"
        world.clock.advance(NAME_RESERVATION_SECONDS + 1)
