"""Bulk creates with files: the files are uploaded concurrently, the rows are written in request order."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from chalicelib.http.operation import REQUEST_TIME_LIMIT_SECONDS
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

CONCURRENT_ROWS = 8
MAX_LAMBDA_RESPONSE_BYTES = 6_000_000


def bulk_create(api: Api, bucket: str, rows: list[dict[str, Any]], **query: str) -> ApiResponse:
    return api.post(f"{objects(bucket)}/batch", {"objects": rows}, query=query)


def reviews(count: int, **more: Any) -> list[dict[str, Any]]:
    return [{"take": take, "blobs": [text(f"Review {take}")], **more} for take in range(count)]


@contextmanager
def before_each_upload(world: World, act: Callable[[bytes], Any]) -> Iterator[None]:
    """Calls `act` with the content before each upload."""

    def before(params: dict[str, Any], **_: Any) -> Any:
        body = params["body"]
        return act(body if isinstance(body, bytes) else body.getvalue())

    world.s3.meta.events.register("before-call.s3.PutObject", before)
    yield
    world.s3.meta.events.unregister("before-call.s3.PutObject", before)


def test_files_of_several_rows_are_uploaded_concurrently(api: Api, world: World) -> None:
    bucket = create_object_bucket(api)
    barrier = threading.Barrier(CONCURRENT_ROWS, timeout=20)

    def wait_for_all(_: bytes) -> None:
        barrier.wait()

    with before_each_upload(world, wait_for_all):
        reply = bulk_create(api, bucket, reviews(2 * CONCURRENT_ROWS))
    assert reply.json["succeeded_count"] == 2 * CONCURRENT_ROWS


def test_results_and_lists_have_the_order_of_the_request(api: Api, world: World) -> None:
    bucket = create_object_bucket(api)
    ready = [threading.Event() for _ in range(60)]

    def store_after_next(body: bytes) -> None:
        index = int(body.split()[-1])
        ready[index].set()
        if index % 4 < 3:  # of every four rows, the last one is uploaded first
            ready[index + 1].wait(20)

    with before_each_upload(world, store_after_next):
        reply = bulk_create(api, bucket, reviews(60))
    assert [row["object_index"] for row in reply.json["succeeded"]] == list(range(60))
    assert [row["take"] for row in reply.json["succeeded"]] == list(range(60))
    assert [row["take"] for row in listed(api, bucket, {"page_size": 100})] == list(range(60))
    assert len(blob_keys(world)) == 60


def test_rows_with_files_and_the_same_key_are_processed_in_request_order(api: Api, world: World) -> None:
    bucket = create_keyed_bucket(api, "film_id")
    rows = [{**row, "film_id": f"f{index % 3}"} for index, row in enumerate(reviews(30))]
    upserted = bulk_create(api, bucket, rows, policy="upsert").json["succeeded"]
    assert [row["take"] for row in upserted] == list(range(30))
    assert sorted(row["take"] for row in listed(api, bucket)) == [27, 28, 29]

    inserted = bulk_create(api, bucket, rows, policy="insert").json
    assert inserted["failed_count"] == 30
    world.pump()
    assert len(blob_keys(world)) == 3


def test_rows_with_the_same_content_or_idempotency_key_create_one_object(api: Api, world: World) -> None:
    bucket = create_object_bucket(api)
    same = {"blobs": [text("the same")], "skip_duplicates": True}
    first, *others = bulk_create(api, bucket, [same] * 20).json["succeeded"]
    assert (first["replayed"], {row["replayed_by"] for row in others}) == (False, {"skip_duplicates"})
    keyed = [{**row, "idempotency_key": "k"} for row in reviews(20)]
    first, *others = bulk_create(api, bucket, keyed).json["succeeded"]
    assert (first["take"], {row["replayed_by"] for row in others}) == (0, {"idempotency_key"})
    assert (len(listed(api, bucket)), len(blob_keys(world))) == (2, 2)


def test_a_file_that_cannot_be_stored_fails_only_its_row(time: SlowTime, world: World, api: Api) -> None:
    bucket = create_object_bucket(api)
    fail = unavailable.instead
    assert fail is not None
    with before_each_upload(world, lambda body: fail() if body == b"Review 3" else None):
        reply = bulk_create(api, bucket, reviews(12))
    assert [row["object_index"] for row in reply.json["failed"]] == [3]
    assert reply.json["failed"][0]["error_type"] == "ServiceUnavailableError"
    assert len(listed(api, bucket, {"page_size": 100})) == len(blob_keys(world)) == 11


def test_rows_that_start_after_the_time_limit_fail_and_leave_no_files(time: SlowTime, world: World, api: Api) -> None:
    bucket = create_object_bucket(api)

    def spend_time(_: bytes) -> None:
        time.now += 0.5

    with before_each_upload(world, spend_time):
        reply = bulk_create(api, bucket, reviews(100))
    stored = [row["object_index"] for row in reply.json["succeeded"]]
    assert 0 < len(stored) < 100
    assert {row["error_type"] for row in reply.json["failed"]} == {"ServiceUnavailableError"}
    assert len(listed(api, bucket, {"page_size": 100})) == len(blob_keys(world)) == len(stored)
    assert time.now < REQUEST_TIME_LIMIT_SECONDS + 0.5 * 2 * 16


@pytest.mark.parametrize("files", [False, True])
def test_rows_that_do_not_fit_in_the_response_are_not_stored(api: Api, world: World, *, files: bool) -> None:
    bucket = create_keyed_bucket(api, "film_id", policy="upsert")
    essays = [{"film_id": f"f{index}", "essay": '"' * 90_000} for index in range(40)]
    for start in range(0, 40, 10):
        assert bulk_create(api, bucket, essays[start : start + 10]).json["failed_count"] == 0

    rows = [{**row, "film_id": f"f{index}"} for index, row in enumerate(reviews(40))]
    rows = rows if files else [{"film_id": row["film_id"], "take": row["take"]} for row in rows]
    reply = bulk_create(api, bucket, rows)

    assert len(json.dumps(reply.text)) < MAX_LAMBDA_RESPONSE_BYTES
    stored_takes = {row["take"] for row in reply.json["succeeded"]}
    assert 0 < len(stored_takes) < 40
    assert {row["error_type"] for row in reply.json["failed"]} == {"PayloadTooLargeError"}
    assert {row["take"] for row in listed(api, bucket, {"page_size": 100}) if "take" in row} == stored_takes
    assert len(blob_keys(world)) == (len(stored_takes) if files else 0)

    remaining = [rows[row["object_index"]] for row in reply.json["failed"]]
    while remaining:
        again = bulk_create(api, bucket, remaining).json
        remaining = [remaining[row["object_index"]] for row in again["failed"]]
    assert {row["take"] for row in listed(api, bucket, {"page_size": 100})} == set(range(40))


def test_an_object_that_changes_during_the_upload_is_updated_afterwards(api: Api, world: World) -> None:
    bucket = create_keyed_bucket(api, "film_id", policy="upsert")
    old = created(api, bucket, {"film_id": "f0"})["object_id"]
    change_times: list[str] = []

    def change(body: bytes) -> None:
        if body == b"Review 0":
            change_times.append(api.patch(objects(bucket, old), {"title": "changed"}).json["updated_at"])

    with before_each_upload(world, change):
        updated, *_ = bulk_create(api, bucket, keyed_reviews(3)).json["succeeded"]
    assert updated["updated_at"] > change_times[0]


def test_a_row_is_created_after_an_object_that_was_created_during_its_upload(api: Api, world: World) -> None:
    bucket = create_object_bucket(api)
    created_during_upload: list[str] = []
    with before_each_upload(world, lambda body: created_during_upload.append(created(api, bucket)["created_at"])):
        rows = bulk_create(api, bucket, reviews(3)).json["succeeded"]
    assert len(created_during_upload) == 3
    assert rows[0]["created_at"] > created_during_upload[0]


def test_a_row_that_skips_duplicates_finds_the_objects_of_earlier_rows(api: Api, world: World) -> None:
    bucket = create_keyed_bucket(api, "film_id", policy="upsert")
    created(api, bucket, {"film_id": "f0", "blobs": [text("one")]})
    merging = {"film_id": "f0", "blobs": [POSTER]}
    duplicate = {"film_id": "f1", "blobs": [text("one"), POSTER], "skip_duplicates": True}
    one_by_one = [bulk_create(api, bucket, [row]).json["succeeded"][0] for row in (merging, duplicate)]

    again = create_keyed_bucket(api, "film_id", policy="upsert", name="again")
    created(api, again, {"film_id": "f0", "blobs": [text("one")]})
    in_one_request = bulk_create(api, again, [merging, duplicate]).json["succeeded"]
    assert [row["film_id"] for row in in_one_request] == [row["film_id"] for row in one_by_one]
    assert [row["replayed_by"] for row in in_one_request] == [row["replayed_by"] for row in one_by_one]


def test_rejected_rows_take_no_space_in_the_response(api: Api) -> None:
    schema = {"properties": {"film_id": {"type": "string"}, "essay": {"type": "string", "default": "x" * 100_000}}}
    unique_key = {"fields": ["film_id"], "default_policy": "insert"}
    body = {"bucket_name": "essays", "bucket_schema": schema, "unique_key": unique_key}
    bucket = api.post("/v1/buckets", body).json["bucket_id"]
    rows = [{"film_id": f"f{number}"} for number in range(60)]
    assert bulk_create(api, bucket, rows[:40]).json["succeeded_count"] == 40
    again = bulk_create(api, bucket, rows).json
    assert {row["error_type"] for row in again["failed"]} == {"ConflictError"}
    assert again["succeeded_count"] == 20


def keyed_reviews(count: int) -> list[dict[str, Any]]:
    return [{**row, "film_id": f"f{index}"} for index, row in enumerate(reviews(count))]
