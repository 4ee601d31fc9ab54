"""Batches whose rows have files: stored side by side, settled as if one after the other."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from chalicelib.http.operation import PATIENCE_SECONDS
from tests.support.api import Api, ApiResponse
from tests.support.faults import unavailable
from tests.support.objects import (
    POSTER,
    blob_keys,
    create_keyed_bucket,
    create_object_bucket,
    created,
    listed,
    objects,
    text,
)
from tests.support.slow_time import SlowTime
from tests.support.world import World

SIDE_BY_SIDE = 8
LAMBDA_ANSWER = 6_000_000


def batch(api: Api, bucket: str, rows: list[dict[str, Any]], **query: str) -> ApiResponse:
    return api.post(f"{objects(bucket)}/batch", {"objects": rows}, query=query)


def reviews(count: int, **more: Any) -> list[dict[str, Any]]:
    return [{"take": take, "blobs": [text(f"Review {take}")], **more} for take in range(count)]


@contextmanager
def storing(world: World, act: Callable[[bytes], Any]) -> Iterator[None]:
    """Lets something happen whenever bytes are about to be stored."""

    def before(params: dict[str, Any], **_: Any) -> Any:
        body = params["body"]
        return act(body if isinstance(body, bytes) else body.getvalue())

    world.s3.meta.events.register("before-call.s3.PutObject", before)
    yield
    world.s3.meta.events.unregister("before-call.s3.PutObject", before)


def test_files_of_several_rows_are_stored_at_once(api: Api, world: World) -> None:
    bucket = create_object_bucket(api)
    together = threading.Barrier(SIDE_BY_SIDE, timeout=20)

    def meet(_: bytes) -> None:
        together.wait()

    with storing(world, meet):
        reply = batch(api, bucket, reviews(2 * SIDE_BY_SIDE))
    assert reply.json["succeeded_count"] == 2 * SIDE_BY_SIDE


def test_outcomes_and_lists_have_the_order_of_the_request(api: Api, world: World) -> None:
    bucket = create_object_bucket(api)
    ready = [threading.Event() for _ in range(60)]

    def after_the_next(body: bytes) -> None:
        place = int(body.split()[-1])
        ready[place].set()
        if place % 4 < 3:  # of every four rows, the last is stored first
            ready[place + 1].wait(20)

    with storing(world, after_the_next):
        reply = batch(api, bucket, reviews(60))
    assert [row["object_index"] for row in reply.json["succeeded"]] == list(range(60))
    assert [row["take"] for row in reply.json["succeeded"]] == list(range(60))
    assert [row["take"] for row in listed(api, bucket, {"page_size": 100})] == list(range(60))
    assert len(blob_keys(world)) == 60


def test_rows_of_one_key_meet_in_their_order(api: Api, world: World) -> None:
    bucket = create_keyed_bucket(api, "film_id")
    rows = [{**row, "film_id": f"f{place % 3}"} for place, row in enumerate(reviews(30))]
    upserted = batch(api, bucket, rows, policy="upsert").json["succeeded"]
    assert [row["take"] for row in upserted] == list(range(30))
    assert sorted(row["take"] for row in listed(api, bucket)) == [27, 28, 29]

    refused = batch(api, bucket, rows, policy="insert").json
    assert refused["failed_count"] == 30
    world.pump()
    assert len(blob_keys(world)) == 3


def test_rows_of_one_content_or_one_idempotency_key_make_one_object(api: Api, world: World) -> None:
    bucket = create_object_bucket(api)
    same = {"blobs": [text("the same")], "skip_duplicates": True}
    first, *others = batch(api, bucket, [same] * 20).json["succeeded"]
    assert (first["replayed"], {row["replayed_by"] for row in others}) == (False, {"skip_duplicates"})
    keyed = [{**row, "idempotency_key": "k"} for row in reviews(20)]
    first, *others = batch(api, bucket, keyed).json["succeeded"]
    assert (first["take"], {row["replayed_by"] for row in others}) == (0, {"idempotency_key"})
    assert (len(listed(api, bucket)), len(blob_keys(world))) == (2, 2)


def test_a_file_that_cannot_be_stored_fails_its_own_row(time: SlowTime, world: World, api: Api) -> None:
    bucket = create_object_bucket(api)
    fail = unavailable.instead
    assert fail is not None
    with storing(world, lambda body: fail() if body == b"Review 3" else None):
        reply = batch(api, bucket, reviews(12))
    assert [row["object_index"] for row in reply.json["failed"]] == [3]
    assert reply.json["failed"][0]["error_type"] == "ServiceUnavailableError"
    assert len(listed(api, bucket, {"page_size": 100})) == len(blob_keys(world)) == 11


def test_rows_whose_turn_comes_too_late_are_told_so_and_leave_nothing(time: SlowTime, world: World, api: Api) -> None:
    bucket = create_object_bucket(api)

    def pass_on(_: bytes) -> None:
        time.now += 0.5

    with storing(world, pass_on):
        reply = batch(api, bucket, reviews(100))
    stored = [row["object_index"] for row in reply.json["succeeded"]]
    assert 0 < len(stored) < 100
    assert {row["error_type"] for row in reply.json["failed"]} == {"ServiceUnavailableError"}
    assert len(listed(api, bucket, {"page_size": 100})) == len(blob_keys(world)) == len(stored)
    assert time.now < PATIENCE_SECONDS + 0.5 * 2 * 16


@pytest.mark.parametrize("files", [False, True])
def test_a_batch_does_no_more_than_its_answer_can_tell(api: Api, world: World, *, files: bool) -> None:
    bucket = create_keyed_bucket(api, "film_id", policy="upsert")
    essays = [{"film_id": f"f{place}", "essay": '"' * 90_000} for place in range(40)]
    for start in range(0, 40, 10):
        assert batch(api, bucket, essays[start : start + 10]).json["failed_count"] == 0

    rows = [{**row, "film_id": f"f{place}"} for place, row in enumerate(reviews(40))]
    rows = rows if files else [{"film_id": row["film_id"], "take": row["take"]} for row in rows]
    reply = batch(api, bucket, rows)

    assert len(json.dumps(reply.text)) < LAMBDA_ANSWER
    done = {row["take"] for row in reply.json["succeeded"]}
    assert 0 < len(done) < 40
    assert {row["error_type"] for row in reply.json["failed"]} == {"PayloadTooLargeError"}
    assert {row["take"] for row in listed(api, bucket, {"page_size": 100}) if "take" in row} == done
    assert len(blob_keys(world)) == (len(done) if files else 0)

    left = [rows[row["object_index"]] for row in reply.json["failed"]]
    while left:
        again = batch(api, bucket, left).json
        left = [left[row["object_index"]] for row in again["failed"]]
    assert {row["take"] for row in listed(api, bucket, {"page_size": 100})} == set(range(40))


def test_an_object_changed_meanwhile_is_overwritten_later(api: Api, world: World) -> None:
    bucket = create_keyed_bucket(api, "film_id", policy="upsert")
    old = created(api, bucket, {"film_id": "f0"})["object_id"]
    times: list[str] = []

    def change(body: bytes) -> None:
        if body == b"Review 0":
            times.append(api.patch(objects(bucket, old), {"title": "changed"}).json["updated_at"])

    with storing(world, change):
        over, *_ = batch(api, bucket, keyed_reviews(3)).json["succeeded"]
    assert over["updated_at"] > times[0]


def test_a_row_is_made_after_what_was_made_while_its_file_was_stored(api: Api, world: World) -> None:
    bucket = create_object_bucket(api)
    meanwhile: list[str] = []
    with storing(world, lambda body: meanwhile.append(created(api, bucket)["created_at"])):
        rows = batch(api, bucket, reviews(3)).json["succeeded"]
    assert len(meanwhile) == 3
    assert rows[0]["created_at"] > meanwhile[0]


def test_a_row_that_skips_duplicates_sees_what_earlier_rows_made(api: Api, world: World) -> None:
    bucket = create_keyed_bucket(api, "film_id", policy="upsert")
    created(api, bucket, {"film_id": "f0", "blobs": [text("one")]})
    merging = {"film_id": "f0", "blobs": [POSTER]}
    twin = {"film_id": "f1", "blobs": [text("one"), POSTER], "skip_duplicates": True}
    one_by_one = [batch(api, bucket, [row]).json["succeeded"][0] for row in (merging, twin)]

    again = create_keyed_bucket(api, "film_id", policy="upsert", name="again")
    created(api, again, {"film_id": "f0", "blobs": [text("one")]})
    together = batch(api, again, [merging, twin]).json["succeeded"]
    assert [row["film_id"] for row in together] == [row["film_id"] for row in one_by_one]
    assert [row["replayed_by"] for row in together] == [row["replayed_by"] for row in one_by_one]


def test_refused_rows_leave_their_room_in_the_answer(api: Api) -> None:
    schema = {"properties": {"film_id": {"type": "string"}, "essay": {"type": "string", "default": "x" * 100_000}}}
    unique_key = {"fields": ["film_id"], "default_policy": "insert"}
    body = {"bucket_name": "essays", "bucket_schema": schema, "unique_key": unique_key}
    bucket = api.post("/v1/buckets", body).json["bucket_id"]
    rows = [{"film_id": f"f{number}"} for number in range(60)]
    assert batch(api, bucket, rows[:40]).json["succeeded_count"] == 40
    again = batch(api, bucket, rows).json
    assert {row["error_type"] for row in again["failed"]} == {"ConflictError"}
    assert again["succeeded_count"] == 20


def keyed_reviews(count: int) -> list[dict[str, Any]]:
    return [{**row, "film_id": f"f{place}"} for place, row in enumerate(reviews(count))]
