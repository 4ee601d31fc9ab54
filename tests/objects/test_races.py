"""Concurrent requests with the same key create one object, through both create endpoints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import cycle, islice
from typing import Any

import pytest

from chalicelib.objects.store import ObjectStore
from chalicelib.objects.stored_object import StoredObject
from chalicelib.services import Services
from tests.support.api import Api, ApiResponse
from tests.support.nightly import full_or_small
from tests.support.objects import (
    POSTER,
    blob_keys,
    create,
    create_keyed_bucket,
    create_object_bucket,
    created,
    listed,
    objects,
    text,
)
from tests.support.racing import run_concurrently
from tests.support.world import World

THREADS = full_or_small(64, 24)
Body = dict[str, Any]
# The status of one row, and the id of the object in the response.
Outcome = tuple[int, str]
Endpoint = Callable[[Api, str, Body, dict[str, str]], Outcome]


def single(api: Api, bucket: str, body: Body, query: dict[str, str]) -> Outcome:
    reply = create(api, bucket, body, **query)
    if reply.status == 200:
        return 200, reply.json["object_id"]
    return reply.status, reply.error["details"]["object_id"]


def bulk(api: Api, bucket: str, body: Body, query: dict[str, str]) -> Outcome:
    reply = api.post(f"{objects(bucket)}/batch", {"objects": [body]}, query=query)
    for row in reply.json["succeeded"]:
        return 200, row["object_id"]
    (failed,) = reply.json["failed"]
    assert failed["error_type"] == "ConflictError"
    return 409, failed["error"].rpartition(" ")[2]


def race(
    api: Api, bucket: str, endpoints: tuple[Endpoint, Endpoint], body: Body, query: dict[str, str]
) -> list[Outcome]:
    def call(endpoint: Endpoint) -> Callable[[], Outcome]:
        return lambda: endpoint(api, bucket, body, query)

    return run_concurrently([call(endpoint) for endpoint in islice(cycle(endpoints), THREADS)])


PAIRS = pytest.mark.parametrize(
    "endpoints", [(single, single), (single, bulk), (bulk, bulk)], ids=["single", "mixed", "bulk"]
)


def one_object(api: Api, bucket: str) -> Body:
    (row,) = listed(api, bucket)
    return row


def check_stored_files(api: Api, world: World, bucket: str) -> None:
    """Checks that, after all stream records are delivered, the stored files are exactly those that rows refer to."""
    world.pump()
    referenced = {
        blob["properties"]["url"].split("/", 3)[3]
        for row in listed(api, bucket)
        for blob in row["blobs"]
        if blob["properties"]["url"].startswith("s3://")
    }
    assert set(blob_keys(world)) == referenced


@PAIRS
def test_one_of_many_concurrent_inserts_succeeds_and_the_others_report_its_id(
    api: Api, world: World, endpoints: tuple[Endpoint, Endpoint]
) -> None:
    bucket = create_keyed_bucket(api, "film_id")
    body = {"film_id": "m", "blobs": [text()]}
    outcomes = race(api, bucket, endpoints, body, {"policy": "insert"})
    assert Counter(status for status, _ in outcomes) == {200: 1, 409: THREADS - 1}
    assert {object_id for _, object_id in outcomes} == {one_object(api, bucket)["object_id"]}
    check_stored_files(api, world, bucket)


@PAIRS
@pytest.mark.parametrize("policy", ["upsert", "update"])
def test_concurrent_updates_of_one_key_change_one_object(
    api: Api, world: World, endpoints: tuple[Endpoint, Endpoint], policy: str
) -> None:
    bucket = create_keyed_bucket(api, "film_id")
    if policy == "update":
        created(api, bucket, {"film_id": "m"}, policy="insert")
    outcomes = race(api, bucket, endpoints, {"film_id": "m", "blobs": [text()]}, {"policy": policy})
    assert set(outcomes) == {(200, one_object(api, bucket)["object_id"])}
    check_stored_files(api, world, bucket)


@PAIRS
def test_concurrent_requests_with_one_idempotency_key_create_one_object(
    api: Api, world: World, endpoints: tuple[Endpoint, Endpoint]
) -> None:
    bucket = create_object_bucket(api)
    outcomes = race(api, bucket, endpoints, {"idempotency_key": "k", "blobs": [POSTER]}, {})
    assert set(outcomes) == {(200, one_object(api, bucket)["object_id"])}
    check_stored_files(api, world, bucket)


@PAIRS
def test_concurrent_requests_with_one_content_create_one_object(
    api: Api, world: World, endpoints: tuple[Endpoint, Endpoint]
) -> None:
    bucket = create_object_bucket(api)
    outcomes = race(api, bucket, endpoints, {"skip_duplicates": True, "blobs": [POSTER, text()]}, {})
    assert set(outcomes) == {(200, one_object(api, bucket)["object_id"])}
    check_stored_files(api, world, bucket)


SENDERS, KEYS = 5, 4


def race_of_bulk_requests(api: Api, bucket: str, policy: str) -> list[Body]:
    """Returns the responses to concurrent bulk requests. Each has two rows for every key, with different files."""

    def send(sender: int) -> Callable[[], Body]:
        rows = [review(f"f{number % KEYS}", f"Review {number} of {sender}") for number in range(2 * KEYS)]
        return lambda: dict(api.post(f"{objects(bucket)}/batch", {"objects": rows}, query={"policy": policy}).json)

    return run_concurrently([send(sender) for sender in range(SENDERS)])


def review(film_id: str, content: str) -> Body:
    return {"film_id": film_id, "title": content, "blobs": [text(content)]}


def test_concurrent_bulk_inserts_of_the_same_keys_create_one_object_each(api: Api, world: World) -> None:
    bucket = create_keyed_bucket(api, "film_id")
    responses = race_of_bulk_requests(api, bucket, "insert")

    created_rows = {row["film_id"]: row for response in responses for row in response["succeeded"]}
    assert sum(len(response["succeeded"]) for response in responses) == len(created_rows) == KEYS
    assert {row["object_id"]: row["title"] for row in listed(api, bucket)} == {
        row["object_id"]: row["title"] for row in created_rows.values()
    }
    for response in responses:
        assert response["succeeded_count"] + response["failed_count"] == 2 * KEYS
        for failed in response["failed"]:
            assert failed["error_type"] == "ConflictError"
            assert failed["error"].endswith(created_rows[f"f{failed['object_index'] % KEYS}"]["object_id"])
    check_files(api, world, bucket)


def test_concurrent_bulk_upserts_of_the_same_keys_change_one_object_each(api: Api, world: World) -> None:
    bucket = create_keyed_bucket(api, "film_id")
    responses = race_of_bulk_requests(api, bucket, "upsert")

    ids = {row["film_id"]: row["object_id"] for row in listed(api, bucket)}
    assert len(ids) == len(set(ids.values())) == KEYS
    for sender, response in enumerate(responses):
        results = [(row["object_index"], row["object_id"], row["title"]) for row in response["succeeded"]]
        assert results == [(n, ids[f"f{n % KEYS}"], f"Review {n} of {sender}") for n in range(2 * KEYS)]
    check_files(api, world, bucket)


def check_files(api: Api, world: World, bucket: str) -> None:
    """Makes the same checks, and checks that every object has the file of the request row that wrote it."""
    check_stored_files(api, world, bucket)
    for row in listed(api, bucket):
        assert [blob["properties"]["text"] for blob in row["blobs"]] == [row["title"]]


def test_concurrent_upserts_of_different_fields_keep_all_of_them(api: Api) -> None:
    bucket = create_keyed_bucket(api, "film_id", policy="upsert")

    def upsert(number: int) -> Callable[[], ApiResponse]:
        return lambda: create(api, bucket, {"film_id": "m", f"field_{number}": number})

    assert {reply.status for reply in run_concurrently([upsert(number) for number in range(16)])} == {200}
    row = one_object(api, bucket)
    assert {row[f"field_{n}"] for n in range(16)} == set(range(16))


def test_concurrent_deletes_and_upserts_leave_at_most_one_object(api: Api, world: World) -> None:
    bucket = create_keyed_bucket(api, "film_id", policy="upsert")
    made = created(api, bucket, {"film_id": "m", "blobs": [text()]})
    path = objects(bucket, made["object_id"])

    def delete() -> ApiResponse:
        return api.call("DELETE", path)

    def upsert() -> ApiResponse:
        return create(api, bucket, {"film_id": "m", "blobs": [text()]})

    replies = run_concurrently([delete, upsert] * 16)
    assert {reply.status for reply in replies} <= {200, 204, 404}
    assert len(listed(api, bucket)) <= 1
    check_stored_files(api, world, bucket)
    assert upsert().json["object_id"] == made["object_id"]
    assert len(listed(api, bucket)) == 1


def test_patches_with_if_match_lose_no_update(api: Api) -> None:
    bucket = create_object_bucket(api)
    path = objects(bucket, created(api, bucket, {"take": 0})["object_id"])

    def count_up() -> ApiResponse:
        while True:
            seen = api.get(path)
            reply = api.patch(path, {"take": seen.json["take"] + 1}, headers={"If-Match": seen.headers["ETag"]})
            if reply.status != 412:
                return reply

    assert {reply.status for reply in run_concurrently([count_up] * 12)} == {200}
    assert api.get(path).json["take"] == 12


class InterruptedStore(ObjectStore):
    """Calls `interruption` once, between the read and the write of a request."""

    def __init__(self, inner: ObjectStore, interruption: Callable[[], object]) -> None:
        super().__init__(inner._table)
        self.interruption: Callable[[], object] | None = interruption

    def add(self, new: StoredObject) -> StoredObject | None:
        self._interrupt()
        return super().add(new)

    def replace(self, old: StoredObject, new: StoredObject) -> None:
        self._interrupt()
        super().replace(old, new)

    def _interrupt(self) -> None:
        interruption, self.interruption = self.interruption, None
        if interruption is not None:
            interruption()


def api_with_interruption(world: World, api: Api, interruption: Callable[[], object]) -> Api:
    """The same API, but `interruption` is called just before the next write of an object."""
    services: Services = world.services
    interrupted = replace(
        services, objects=replace(services.objects, store=InterruptedStore(services.objects.store, interruption))
    )
    return Api(lambda: interrupted, api.key, api.namespace)


def test_a_key_that_is_taken_just_before_the_write_is_a_conflict(api: Api, world: World) -> None:
    bucket = create_keyed_bucket(api, "film_id", policy="insert")
    body = {"film_id": "m", "blobs": [text()]}
    interrupted = api_with_interruption(world, api, lambda: created(api, bucket, body))
    assert create(interrupted, bucket, body).status == 409
    check_stored_files(api, world, bucket)


def test_a_key_that_is_taken_just_before_the_write_by_the_same_content_is_a_replay(api: Api, world: World) -> None:
    bucket = create_keyed_bucket(api, "film_id", policy="insert")
    body = {"film_id": "m", "blobs": [text()], "skip_duplicates": True}
    first: list[Body] = []
    interrupted = api_with_interruption(
        world, api, lambda: first.append(created(api, bucket, {**body, "title": "first"}))
    )
    assert created(interrupted, bucket, {**body, "title": "second"}) == first[0]
    check_stored_files(api, world, bucket)


def test_an_upsert_creates_an_object_that_is_deleted_just_before_the_write(api: Api, world: World) -> None:
    bucket = create_keyed_bucket(api, "film_id", policy="upsert")
    made = created(api, bucket, {"film_id": "m", "title": "old"})
    interrupted = api_with_interruption(world, api, lambda: api.call("DELETE", objects(bucket, made["object_id"])))
    again = created(interrupted, bucket, {"film_id": "m", "blobs": [text()]})
    assert (again["object_id"], "title" in again) == (made["object_id"], False)
    check_stored_files(api, world, bucket)


def test_an_update_of_an_object_that_is_deleted_just_before_the_write_is_not_found(api: Api, world: World) -> None:
    bucket = create_keyed_bucket(api, "film_id", policy="update")
    made = created(api, bucket, {"film_id": "m"}, policy="insert")
    path = objects(bucket, made["object_id"])
    interrupted = api_with_interruption(world, api, lambda: api.call("DELETE", path))
    assert create(interrupted, bucket, {"film_id": "m", "blobs": [text()]}).status == 404
    made = created(api, bucket, {"film_id": "m"}, policy="insert")
    interrupted = api_with_interruption(world, api, lambda: api.call("DELETE", path))
    assert interrupted.put(path, {"blobs": [text()]}).status == 404
    check_stored_files(api, world, bucket)


def test_an_update_keeps_the_fields_of_an_update_just_before_it(api: Api, world: World) -> None:
    bucket = create_object_bucket(api)
    path = objects(bucket, created(api, bucket, {"title": "M"})["object_id"])
    interrupted = api_with_interruption(world, api, lambda: api.patch(path, {"take": 7}))
    assert interrupted.put(path, {"title": "N", "blobs": [text()]}).json["take"] == 7
    assert api.get(path).json["title"] == "N"
    check_stored_files(api, world, bucket)


def test_an_object_that_is_soft_deleted_just_before_an_update_remains_soft_deleted(api: Api, world: World) -> None:
    bucket = create_object_bucket(api)
    made = created(api, bucket, {"title": "M"})
    path = objects(bucket, made["object_id"])
    body = {"object_ids": [made["object_id"]], "reason": "r"}
    interrupted = api_with_interruption(world, api, lambda: api.post(f"{objects(bucket)}/bulk-soft-delete", body))
    assert interrupted.patch(path, {"title": "N"}).status == 404
    assert listed(api, bucket) == []


def test_an_update_whose_etag_changes_just_before_the_write_fails_with_412(api: Api, world: World) -> None:
    bucket = create_object_bucket(api)
    made = created(api, bucket, {"title": "M"})
    path = objects(bucket, made["object_id"])
    seen = api.get(path).headers["ETag"]
    interrupted = api_with_interruption(world, api, lambda: api.patch(path, {"take": 7}))
    assert interrupted.patch(path, {"title": "N"}, headers={"If-Match": seen}).status == 412


def test_an_update_of_a_recreated_object_does_not_restore_old_fields(api: Api, world: World) -> None:
    bucket = create_keyed_bucket(api, "film_id", policy="upsert")
    old = created(api, bucket, {"film_id": "m", "title": "OLD"})
    path = objects(bucket, old["object_id"])
    seen = api.get(path).headers["ETag"]

    def replaced() -> None:
        assert api.call("DELETE", path).status == 204
        created(api, bucket, {"film_id": "m", "title": "NEW"})

    interrupted = api_with_interruption(world, api, replaced)
    assert interrupted.patch(path, {"take": 1}).json["title"] == "NEW"
    assert api.get(path, headers={"If-None-Match": seen}).status == 200
    assert api.call("DELETE", path, headers={"If-Match": seen}).status == 412
