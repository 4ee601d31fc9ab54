from __future__ import annotations

from typing import Any

import pytest

from tests.support.api import Api, ApiResponse
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
from tests.support.world import World

BAD_BLOB = {"property": "poster", "type": "image", "data": {"base64": "not base64!"}}


@pytest.fixture
def bucket(api: Api) -> str:
    return create_object_bucket(api)


def batch(api: Api, bucket: str, *rows: Any, **query: str) -> ApiResponse:
    return api.post(f"{objects(bucket)}/batch", {"objects": list(rows)}, query=query)


def test_each_row_is_settled_on_its_own(api: Api, bucket: str) -> None:
    reply = batch(api, bucket, {"title": "M"}, {"blobs": [BAD_BLOB]}, {"title": "N", "blobs": [text()]})

    assert reply.status == 200
    body = reply.json
    assert [row["object_index"] for row in body["succeeded"]] == [0, 2]
    assert [(row["object_index"], row["error_type"]) for row in body["failed"]] == [(1, "ValidationError")]
    assert "blobs.0.data" in body["failed"][0]["error"]
    assert (body["total_requested"], body["succeeded_count"], body["failed_count"]) == (3, 2, 1)
    assert {(row["replayed"], row["replayed_by"]) for row in body["succeeded"]} == {(False, None)}
    assert {row["object_id"] for row in listed(api, bucket)} == {row["object_id"] for row in body["succeeded"]}


def test_all_rows_failed_is_a_422_with_the_same_body(api: Api, bucket: str) -> None:
    reply = batch(api, bucket, {"title": 5}, {"blobs": [BAD_BLOB]}, {"key_prefix": []})
    assert reply.status == 422
    assert (reply.json["succeeded"], reply.json["failed_count"]) == ([], 3)
    assert "error" not in reply.json


def test_a_bad_url_has_an_error_type_of_its_own(api: Api, bucket: str) -> None:
    row = {"blobs": [{"property": "poster", "type": "image", "data": "https://e.com/" + "x" * 3000}]}
    assert batch(api, bucket, row).json["failed"][0]["error_type"] == "URLValidationError"


def test_a_replayed_row_is_the_earlier_object_untouched(api: Api, bucket: str) -> None:
    first = created(api, bucket, {"title": "M", "idempotency_key": "k", "blobs": [text()]})
    rows = batch(
        api,
        bucket,
        {"title": "N", "idempotency_key": "k"},
        {"blobs": [text()], "skip_duplicates": True},
        {"title": "O", "idempotency_key": "new"},
        {"title": "P", "idempotency_key": "new"},
    ).json["succeeded"]
    assert [(row["replayed"], row["replayed_by"]) for row in rows] == [
        (True, "idempotency_key"),
        (True, "skip_duplicates"),
        (False, None),
        (True, "idempotency_key"),
    ]
    assert [row["title"] for row in rows] == ["M", "M", "O", "O"]
    assert first.items() <= rows[0].items()


def test_rows_of_one_key_are_settled_in_request_order(api: Api) -> None:
    bucket = create_keyed_bucket(api, "film_id")
    rows = [{"film_id": "m", "take": 1}, {"film_id": "m", "take": 2}, {"film_id": "n", "take": 3}]
    inserted = batch(api, bucket, *rows, policy="insert").json
    assert [row["take"] for row in inserted["succeeded"]] == [1, 3]
    assert [(row["object_index"], row["error_type"]) for row in inserted["failed"]] == [(1, "ConflictError")]
    assert inserted["succeeded"][0]["object_id"] in inserted["failed"][0]["error"]
    upserted = batch(api, bucket, *rows, policy="upsert").json["succeeded"]
    assert [row["take"] for row in upserted] == [1, 2, 3]
    assert sorted(row["take"] for row in listed(api, bucket)) == [2, 3]


@pytest.mark.parametrize("policy", ["insert", "update", "upsert"])
def test_under_a_unique_key_a_duplicate_content_decides_before_the_key(api: Api, world: World, policy: str) -> None:
    bucket = create_keyed_bucket(api, "film_id")
    for film_id, words in (("m", "one"), ("n", "two")):
        created(api, bucket, {"film_id": film_id, "title": words, "blobs": [text(words)]}, policy="insert")
    before = listed(api, bucket)

    rows = [{"film_id": film_id, "title": "new", "blobs": [text("one")]} for film_id in ("m", "n", "o")]
    body = batch(api, bucket, *({**row, "skip_duplicates": True} for row in rows), policy=policy).json

    told = [(row["film_id"], row["title"], row["replayed_by"]) for row in body["succeeded"]]
    assert told == [("m", "one", "skip_duplicates")] * 3
    assert listed(api, bucket) == before
    assert len(blob_keys(world)) == 2


@pytest.mark.parametrize("policy", ["insert", "update", "upsert"])
def test_of_two_objects_with_the_content_that_of_the_rows_own_key_answers(api: Api, policy: str) -> None:
    bucket = create_keyed_bucket(api, "film_id")
    for film_id in "mno":
        created(api, bucket, {"film_id": film_id, "blobs": [text("one")]}, policy="insert")
    rows = [{"film_id": film_id, "blobs": [text("one")], "skip_duplicates": True} for film_id in "onm"]
    body = batch(api, bucket, *rows, policy=policy).json
    told = [(row["film_id"], row["replayed_by"]) for row in body["succeeded"]]
    assert told == [(film_id, "skip_duplicates") for film_id in "onm"]


def test_rows_that_repeat_key_and_content_are_replays_and_rows_of_other_content_meet_the_policy(
    api: Api, world: World
) -> None:
    bucket = create_keyed_bucket(api, "film_id", policy="insert")
    rows = [{"film_id": "m", "blobs": [text(words)], "skip_duplicates": True} for words in ("one", "one", "two")]
    body = batch(api, bucket, *rows).json
    assert [row["replayed_by"] for row in body["succeeded"]] == [None, "skip_duplicates"]
    assert [(row["object_index"], row["error_type"]) for row in body["failed"]] == [(2, "ConflictError")]
    assert len(blob_keys(world)) == 1


@pytest.mark.parametrize(
    ("body", "location"),
    [
        ({"objects": []}, ["body", "objects"]),
        ({"objects": [{}] * 101}, ["body", "objects"]),
        ({"objects": [5]}, ["body", "objects", 0]),
        ({"objects": [{}], "auto_process": True}, ["body", "auto_process"]),
        ({}, ["body", "objects"]),
    ],
)
def test_a_batch_of_another_shape_is_refused_as_a_whole(
    api: Api, bucket: str, body: dict[str, Any], location: list[str | int]
) -> None:
    reply = api.post(f"{objects(bucket)}/batch", body)
    assert reply.status == 422
    assert reply.error["details"]["validation_errors"][0]["location"] == location
    assert listed(api, bucket) == []


def test_auto_process_is_refused_in_the_query_and_in_a_row(api: Api, bucket: str) -> None:
    reply = batch(api, bucket, {}, auto_process="true")
    assert (reply.status, reply.error["details"]["field"]) == (403, "auto_process")
    assert "auto_process" in batch(api, bucket, {"auto_process": True}).json["failed"][0]["error"]
    assert listed(api, bucket) == []


def test_a_hundred_rows_are_taken(api: Api, bucket: str) -> None:
    reply = batch(api, bucket, *({"take": take} for take in range(100)))
    assert [row["take"] for row in reply.json["succeeded"]] == list(range(100))
    assert [row["take"] for row in listed(api, bucket, {"page_size": 1000})] == list(range(100))


def test_failed_rows_leave_no_bytes(api: Api, world: World) -> None:
    bucket = create_keyed_bucket(api, "film_id", policy="insert")
    batch(api, bucket, {"film_id": "m", "blobs": [POSTER]}, {"film_id": "m", "blobs": [POSTER]})
    assert len(blob_keys(world)) == 1
