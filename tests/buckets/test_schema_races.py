"""A change of the schema that breaks objects, and the creation of an object, at the same time."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from chalicelib.buckets.store import BucketStore
from chalicelib.objects.store import ObjectStore
from tests.support.api import Api, ApiResponse
from tests.support.catalog import partition_of
from tests.support.objects import SCHEMA, create, create_keyed_bucket, created, listed, objects
from tests.support.racing import run_concurrently
from tests.support.world import World

INTEGER = {"bucket_schema": {"properties": {**SCHEMA["properties"], "film_id": {"type": "integer"}}}}


def change_key_type(api: Api, bucket: str, **query: str) -> ApiResponse:
    return api.patch(f"/v1/buckets/{bucket}", INTEGER, query=query)


def key_type(api: Api, bucket: str) -> str:
    return str(api.get(f"/v1/buckets/{bucket}").json["bucket_schema"]["properties"]["film_id"]["type"])


def before_next(monkeypatch: pytest.MonkeyPatch, store: type, method: str, act: Callable[[], object]) -> None:
    """Calls `act` once, just before the next call of a method of a store."""
    original, pending = getattr(store, method), [act]

    def interrupted(self: object, *arguments: object, **more: object) -> object:
        while pending:
            pending.pop()()
        return original(self, *arguments, **more)

    monkeypatch.setattr(store, method, interrupted)


def assert_in_use(reply: ApiResponse) -> None:
    assert (reply.status, reply.headers["Retry-After"], reply.error["code"]) == (503, "30", None), reply.text


@pytest.mark.parametrize("path", ["single", "bulk"])
def test_the_type_of_a_key_does_not_change_while_an_object_is_created(
    api: Api, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    bucket = create_keyed_bucket(api, "film_id", policy="insert")
    replies: list[ApiResponse] = []
    before_next(monkeypatch, ObjectStore, "add", lambda: replies.append(change_key_type(api, bucket)))
    if path == "single":
        created(api, bucket, {"film_id": "m"})
    else:
        assert api.post(f"{objects(bucket)}/batch", {"objects": [{"film_id": "m"}]}).json["succeeded_count"] == 1
    assert_in_use(replies[0])
    assert key_type(api, bucket) == "string"
    for query in ({}, {"force_schema_break": "true"}):
        reply = change_key_type(api, bucket, **query)
        assert (reply.status, reply.error["code"]) == (409, "schema_break")


def test_an_object_is_checked_against_a_schema_that_changes_just_before(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = create_keyed_bucket(api, "film_id", policy="insert")
    before_next(monkeypatch, BucketStore, "mark_in_use", lambda: change_key_type(api, bucket))
    assert create(api, bucket, {"film_id": "m"}).status == 422
    assert key_type(api, bucket) == "integer"
    assert created(api, bucket, {"film_id": 1})["film_id"] == 1


def test_no_object_is_created_in_a_bucket_that_is_locked_just_before(
    api: Api, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = create_keyed_bucket(api, "film_id", policy="insert")
    partition = partition_of(world)
    lock = world.services.buckets.set_lock
    before_next(monkeypatch, BucketStore, "mark_in_use", lambda: lock(partition, bucket, locked=True))
    assert create(api, bucket, {"film_id": "m"}).status == 403
    assert listed(api, bucket) == []


def test_a_change_of_a_bucket_that_was_emptied_waits_until_earlier_requests_have_ended(api: Api, world: World) -> None:
    bucket = create_keyed_bucket(api, "film_id", policy="insert")
    assert api.call("DELETE", objects(bucket, created(api, bucket, {"film_id": "m"})["object_id"])).status == 204
    etag = api.get(f"/v1/buckets/{bucket}").headers["ETag"]
    assert_in_use(change_key_type(api, bucket))
    assert_in_use(change_key_type(api, bucket))
    world.clock.advance(31)
    assert api.get(f"/v1/buckets/{bucket}").headers["ETag"] == etag
    assert change_key_type(api, bucket).status == 200
    assert created(api, bucket, {"film_id": 1})["film_id"] == 1


def test_a_request_that_begins_during_the_wait_is_noticed(
    api: Api, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = create_keyed_bucket(api, "film_id", policy="insert")
    assert api.call("DELETE", objects(bucket, created(api, bucket, {"film_id": "m"})["object_id"])).status == 204
    assert_in_use(change_key_type(api, bucket))
    world.clock.advance(31)
    replies: list[ApiResponse] = []
    before_next(monkeypatch, ObjectStore, "add", lambda: replies.append(change_key_type(api, bucket)))
    created(api, bucket, {"film_id": "m"})
    assert_in_use(replies[0])
    assert change_key_type(api, bucket).status == 409
    assert key_type(api, bucket) == "string"


def test_a_forced_change_does_not_wait(api: Api) -> None:
    bucket = create_keyed_bucket(api, "film_id", policy="insert")
    created(api, bucket, {"film_id": "m"})
    change = {"bucket_schema": {"properties": {**SCHEMA["properties"], "take": {"type": "string"}}}}
    assert api.patch(f"/v1/buckets/{bucket}", change).status == 409
    assert api.patch(f"/v1/buckets/{bucket}", change, query={"force_schema_break": "true"}).status == 200


def test_a_change_of_the_bucket_keeps_the_mark_of_a_request_just_before(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = create_keyed_bucket(api, "film_id", policy="insert")
    before_next(monkeypatch, BucketStore, "replace", lambda: created(api, bucket, {"film_id": "m"}))
    assert change_key_type(api, bucket).status == 409
    assert key_type(api, bucket) == "string"


def test_a_mark_that_was_set_and_removed_just_before_is_noticed(
    api: Api, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change has found no mark. Then a request begins to create an object, and another change removes its mark."""
    bucket = create_keyed_bucket(api, "film_id", policy="insert")

    def begin_and_change() -> None:
        world.services.buckets.open_for_objects(partition_of(world), bucket)
        assert_in_use(change_key_type(api, bucket))

    before_next(monkeypatch, BucketStore, "replace", begin_and_change)
    assert_in_use(change_key_type(api, bucket))
    assert key_type(api, bucket) == "string"


def test_concurrent_creations_and_changes_leave_only_objects_of_the_schema(api: Api) -> None:
    types: set[str] = set()
    for number in range(20):
        bucket = create_keyed_bucket(api, "film_id", policy="insert", name=f"films-{number}")
        values: list[object] = ["a", 1, "b", 2]

        def insert(value: object, bucket: str = bucket) -> Callable[[], ApiResponse]:
            return lambda: create(api, bucket, {"film_id": value})

        def change(bucket: str = bucket) -> ApiResponse:
            return change_key_type(api, bucket)

        replies = run_concurrently([change, *map(insert, values), change])
        assert {reply.status for reply in replies} <= {200, 409, 422, 503}
        stored = {type(row["film_id"]) for row in listed(api, bucket)}
        types.add(key_type(api, bucket))
        assert stored <= {{"string": str, "integer": int}[key_type(api, bucket)]}
    assert types <= {"string", "integer"}
