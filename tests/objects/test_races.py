"""Whatever happens at once, and through whichever door: one identity is one object."""

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

THREADS = 64
Body = dict[str, Any]
# What came of one attempt: a status of its own, and the object that it names.
Outcome = tuple[int, str]
Door = Callable[[Api, str, Body, dict[str, str]], Outcome]


def single(api: Api, bucket: str, body: Body, query: dict[str, str]) -> Outcome:
    reply = create(api, bucket, body, **query)
    if reply.status == 200:
        return 200, reply.json["object_id"]
    return reply.status, reply.error["details"]["object_id"]


def batch(api: Api, bucket: str, body: Body, query: dict[str, str]) -> Outcome:
    reply = api.post(f"{objects(bucket)}/batch", {"objects": [body]}, query=query)
    for row in reply.json["succeeded"]:
        return 200, row["object_id"]
    (failed,) = reply.json["failed"]
    assert failed["error_type"] == "ConflictError"
    return 409, failed["error"].rpartition(" ")[2]


def race(api: Api, bucket: str, doors: tuple[Door, Door], body: Body, query: dict[str, str]) -> list[Outcome]:
    def call(door: Door) -> Callable[[], Outcome]:
        return lambda: door(api, bucket, body, query)

    return run_concurrently([call(door) for door in islice(cycle(doors), THREADS)])


PAIRS = pytest.mark.parametrize(
    "doors", [(single, single), (single, batch), (batch, batch)], ids=["single", "mixed", "batch"]
)


def one_object(api: Api, bucket: str) -> Body:
    (row,) = listed(api, bucket)
    return row


def check_bytes(api: Api, world: World, bucket: str) -> None:
    """Every row has its bytes, and all bytes have a row, once the changes have been heard of."""
    world.pump()
    referred = {
        blob["properties"]["url"].split("/", 3)[3]
        for row in listed(api, bucket)
        for blob in row["blobs"]
        if blob["properties"]["url"].startswith("s3://")
    }
    assert set(blob_keys(world)) == referred


@PAIRS
def test_of_many_inserts_of_one_key_one_wins_and_the_losers_name_it(
    api: Api, world: World, doors: tuple[Door, Door]
) -> None:
    bucket = create_keyed_bucket(api, "film_id")
    body = {"film_id": "m", "blobs": [text()]}
    outcomes = race(api, bucket, doors, body, {"policy": "insert"})
    assert Counter(status for status, _ in outcomes) == {200: 1, 409: THREADS - 1}
    assert {object_id for _, object_id in outcomes} == {one_object(api, bucket)["object_id"]}
    check_bytes(api, world, bucket)


@PAIRS
@pytest.mark.parametrize("policy", ["upsert", "update"])
def test_of_many_that_update_one_key_all_meet_in_one_object(
    api: Api, world: World, doors: tuple[Door, Door], policy: str
) -> None:
    bucket = create_keyed_bucket(api, "film_id")
    if policy == "update":
        created(api, bucket, {"film_id": "m"}, policy="insert")
    outcomes = race(api, bucket, doors, {"film_id": "m", "blobs": [text()]}, {"policy": policy})
    assert set(outcomes) == {(200, one_object(api, bucket)["object_id"])}
    check_bytes(api, world, bucket)


@PAIRS
def test_of_many_with_one_idempotency_key_one_creates(api: Api, world: World, doors: tuple[Door, Door]) -> None:
    bucket = create_object_bucket(api)
    outcomes = race(api, bucket, doors, {"idempotency_key": "k", "blobs": [POSTER]}, {})
    assert set(outcomes) == {(200, one_object(api, bucket)["object_id"])}
    check_bytes(api, world, bucket)


@PAIRS
def test_of_many_with_one_content_one_creates(api: Api, world: World, doors: tuple[Door, Door]) -> None:
    bucket = create_object_bucket(api)
    outcomes = race(api, bucket, doors, {"skip_duplicates": True, "blobs": [POSTER, text()]}, {})
    assert set(outcomes) == {(200, one_object(api, bucket)["object_id"])}
    check_bytes(api, world, bucket)


BATCHES, KEYS = 5, 4


def race_of_batches(api: Api, bucket: str, policy: str) -> list[Body]:
    """The answers to batches sent at once, each with two rows of every key, and with files that only it has."""

    def send(sender: int) -> Callable[[], Body]:
        rows = [review(f"f{number % KEYS}", f"Review {number} of {sender}") for number in range(2 * KEYS)]
        return lambda: dict(api.post(f"{objects(bucket)}/batch", {"objects": rows}, query={"policy": policy}).json)

    return run_concurrently([send(sender) for sender in range(BATCHES)])


def review(film_id: str, words: str) -> Body:
    return {"film_id": film_id, "title": words, "blobs": [text(words)]}


def test_of_batches_with_files_that_insert_the_same_keys_one_row_creates_each(api: Api, world: World) -> None:
    bucket = create_keyed_bucket(api, "film_id")
    answers = race_of_batches(api, bucket, "insert")

    made = {row["film_id"]: row for answer in answers for row in answer["succeeded"]}
    assert sum(len(answer["succeeded"]) for answer in answers) == len(made) == KEYS
    assert {row["object_id"]: row["title"] for row in listed(api, bucket)} == {
        row["object_id"]: row["title"] for row in made.values()
    }
    for answer in answers:
        assert answer["succeeded_count"] + answer["failed_count"] == 2 * KEYS
        for failed in answer["failed"]:
            assert failed["error_type"] == "ConflictError"
            assert failed["error"].endswith(made[f"f{failed['object_index'] % KEYS}"]["object_id"])
    check_files(api, world, bucket)


def test_of_batches_with_files_that_upsert_the_same_keys_all_rows_meet_in_one_object_each(
    api: Api, world: World
) -> None:
    bucket = create_keyed_bucket(api, "film_id")
    answers = race_of_batches(api, bucket, "upsert")

    ids = {row["film_id"]: row["object_id"] for row in listed(api, bucket)}
    assert len(ids) == len(set(ids.values())) == KEYS
    for sender, answer in enumerate(answers):
        told = [(row["object_index"], row["object_id"], row["title"]) for row in answer["succeeded"]]
        assert told == [(n, ids[f"f{n % KEYS}"], f"Review {n} of {sender}") for n in range(2 * KEYS)]
    check_files(api, world, bucket)


def check_files(api: Api, world: World, bucket: str) -> None:
    """As `check_bytes`, and every object has the one file of the row that wrote it."""
    check_bytes(api, world, bucket)
    for row in listed(api, bucket):
        assert [blob["properties"]["text"] for blob in row["blobs"]] == [row["title"]]


def test_upserts_of_many_fields_lose_none(api: Api) -> None:
    bucket = create_keyed_bucket(api, "film_id", policy="upsert")

    def upsert(number: int) -> Callable[[], ApiResponse]:
        return lambda: create(api, bucket, {"film_id": "m", f"field_{number}": number})

    assert {reply.status for reply in run_concurrently([upsert(number) for number in range(16)])} == {200}
    row = one_object(api, bucket)
    assert {row[f"field_{n}"] for n in range(16)} == set(range(16))


def test_deleting_and_creating_again_at_once_leaves_one_or_none_never_two(api: Api, world: World) -> None:
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
    check_bytes(api, world, bucket)
    assert upsert().json["object_id"] == made["object_id"]
    assert len(listed(api, bucket)) == 1


def test_patches_that_mind_the_etag_lose_no_update(api: Api) -> None:
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


class Interleaved(ObjectStore):
    """Lets something happen between what a writer has read and what it writes, once."""

    def __init__(self, inner: ObjectStore, between: Callable[[], object]) -> None:
        super().__init__(inner._table)
        self.between: Callable[[], object] | None = between

    def add(self, new: StoredObject) -> StoredObject | None:
        self._now()
        return super().add(new)

    def replace(self, old: StoredObject, new: StoredObject) -> None:
        self._now()
        super().replace(old, new)

    def _now(self) -> None:
        between, self.between = self.between, None
        if between is not None:
            between()


def meanwhile(world: World, api: Api, between: Callable[[], object]) -> Api:
    """The same API, in which something happens right before the next write of an object."""
    services: Services = world.services
    slow = replace(services, objects=replace(services.objects, store=Interleaved(services.objects.store, between)))
    return Api(lambda: slow, api.key, api.namespace)


def test_a_key_taken_right_before_the_write_is_a_conflict(api: Api, world: World) -> None:
    bucket = create_keyed_bucket(api, "film_id", policy="insert")
    body = {"film_id": "m", "blobs": [text()]}
    slow = meanwhile(world, api, lambda: created(api, bucket, body))
    assert create(slow, bucket, body).status == 409
    check_bytes(api, world, bucket)


def test_a_key_taken_right_before_the_write_by_the_same_content_is_a_replay_where_duplicates_are_skipped(
    api: Api, world: World
) -> None:
    bucket = create_keyed_bucket(api, "film_id", policy="insert")
    body = {"film_id": "m", "blobs": [text()], "skip_duplicates": True}
    first: list[Body] = []
    slow = meanwhile(world, api, lambda: first.append(created(api, bucket, {**body, "title": "first"})))
    assert created(slow, bucket, {**body, "title": "second"}) == first[0]
    check_bytes(api, world, bucket)


def test_an_object_deleted_right_before_its_update_is_created_by_an_upsert(api: Api, world: World) -> None:
    bucket = create_keyed_bucket(api, "film_id", policy="upsert")
    made = created(api, bucket, {"film_id": "m", "title": "old"})
    slow = meanwhile(world, api, lambda: api.call("DELETE", objects(bucket, made["object_id"])))
    again = created(slow, bucket, {"film_id": "m", "blobs": [text()]})
    assert (again["object_id"], "title" in again) == (made["object_id"], False)
    check_bytes(api, world, bucket)


def test_an_object_deleted_right_before_its_update_is_not_found(api: Api, world: World) -> None:
    bucket = create_keyed_bucket(api, "film_id", policy="update")
    made = created(api, bucket, {"film_id": "m"}, policy="insert")
    path = objects(bucket, made["object_id"])
    slow = meanwhile(world, api, lambda: api.call("DELETE", path))
    assert create(slow, bucket, {"film_id": "m", "blobs": [text()]}).status == 404
    made = created(api, bucket, {"film_id": "m"}, policy="insert")
    slow = meanwhile(world, api, lambda: api.call("DELETE", path))
    assert slow.put(path, {"blobs": [text()]}).status == 404
    check_bytes(api, world, bucket)


def test_a_change_keeps_what_another_changed_right_before(api: Api, world: World) -> None:
    bucket = create_object_bucket(api)
    path = objects(bucket, created(api, bucket, {"title": "M"})["object_id"])
    slow = meanwhile(world, api, lambda: api.patch(path, {"take": 7}))
    assert slow.put(path, {"title": "N", "blobs": [text()]}).json["take"] == 7
    assert api.get(path).json["title"] == "N"
    check_bytes(api, world, bucket)


def test_an_object_hidden_right_before_its_change_stays_hidden(api: Api, world: World) -> None:
    bucket = create_object_bucket(api)
    made = created(api, bucket, {"title": "M"})
    path = objects(bucket, made["object_id"])
    body = {"object_ids": [made["object_id"]], "reason": "r"}
    slow = meanwhile(world, api, lambda: api.post(f"{objects(bucket)}/bulk-soft-delete", body))
    assert slow.patch(path, {"title": "N"}).status == 404
    assert listed(api, bucket) == []


def test_a_change_that_loses_its_etag_right_before_the_write_is_stale(api: Api, world: World) -> None:
    bucket = create_object_bucket(api)
    made = created(api, bucket, {"title": "M"})
    path = objects(bucket, made["object_id"])
    seen = api.get(path).headers["ETag"]
    slow = meanwhile(world, api, lambda: api.patch(path, {"take": 7}))
    assert slow.patch(path, {"title": "N"}, headers={"If-Match": seen}).status == 412


def test_a_change_never_lands_on_another_object_of_the_same_id(api: Api, world: World) -> None:
    bucket = create_keyed_bucket(api, "film_id", policy="upsert")
    old = created(api, bucket, {"film_id": "m", "title": "OLD"})
    path = objects(bucket, old["object_id"])
    seen = api.get(path).headers["ETag"]

    def replaced() -> None:
        assert api.call("DELETE", path).status == 204
        created(api, bucket, {"film_id": "m", "title": "NEW"})

    slow = meanwhile(world, api, replaced)
    assert slow.patch(path, {"take": 1}).json["title"] == "NEW"
    assert api.get(path, headers={"If-None-Match": seen}).status == 200
    assert api.call("DELETE", path, headers={"If-Match": seen}).status == 412
