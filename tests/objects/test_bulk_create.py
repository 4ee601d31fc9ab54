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


def bulk_create(api: Api, bucket: str, *rows: Any, **query: str) -> ApiResponse:
    return api.post(f"{objects(bucket)}/batch", {"objects": list(rows)}, query=query)


def test_each_row_succeeds_or_fails_on_its_own(api: Api, bucket: str) -> None:
    reply = bulk_create(api, bucket, {"title": "M"}, {"blobs": [BAD_BLOB]}, {"title": "N", "blobs": [text()]})

    assert reply.status == 200
    body = reply.json
    assert [row["object_index"] for row in body["succeeded"]] == [0, 2]
    assert [(row["object_index"], row["error_type"]) for row in body["failed"]] == [(1, "ValidationError")]
    assert "blobs.0.data" in body["failed"][0]["error"]
    assert (body["total_requested"], body["succeeded_count"], body["failed_count"]) == (3, 2, 1)
    assert {(row["replayed"], row["replayed_by"]) for row in body["succeeded"]} == {(False, None)}
    assert {row["object_id"] for row in listed(api, bucket)} == {row["object_id"] for row in body["succeeded"]}


def test_if_all_rows_fail_the_status_is_422_with_the_same_body(api: Api, bucket: str) -> None:
    reply = bulk_create(api, bucket, {"title": 5}, {"blobs": [BAD_BLOB]}, {"key_prefix": []})
    assert reply.status == 422
    assert (reply.json["succeeded"], reply.json["failed_count"]) == ([], 3)
    assert "error" not in reply.json


def test_a_bad_url_has_an_error_type_of_its_own(api: Api, bucket: str) -> None:
    row = {"blobs": [{"property": "poster", "type": "image", "data": "https://e.com/" + "x" * 3000}]}
    assert bulk_create(api, bucket, row).json["failed"][0]["error_type"] == "URLValidationError"


def test_a_replayed_row_returns_the_earlier_object_unchanged(api: Api, bucket: str) -> None:
    first = created(api, bucket, {"title": "M", "idempotency_key": "k", "blobs": [text()]})
    rows = bulk_create(
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


def test_rows_with_the_same_key_are_processed_in_request_order(api: Api) -> None:
    bucket = create_keyed_bucket(api, "film_id")
    rows = [{"film_id": "m", "take": 1}, {"film_id": "m", "take": 2}, {"film_id": "n", "take": 3}]
    inserted = bulk_create(api, bucket, *rows, policy="insert").json
    assert [row["take"] for row in inserted["succeeded"]] == [1, 3]
    assert [(row["object_index"], row["error_type"]) for row in inserted["failed"]] == [(1, "ConflictError")]
    assert inserted["succeeded"][0]["object_id"] in inserted["failed"][0]["error"]
    upserted = bulk_create(api, bucket, *rows, policy="upsert").json["succeeded"]
    assert [row["take"] for row in upserted] == [1, 2, 3]
    assert sorted(row["take"] for row in listed(api, bucket)) == [2, 3]


@pytest.mark.parametrize("policy", ["insert", "update", "upsert"])
def test_duplicate_content_is_checked_before_the_unique_key(api: Api, world: World, policy: str) -> None:
    bucket = create_keyed_bucket(api, "film_id")
    for film_id, content in (("m", "one"), ("n", "two")):
        created(api, bucket, {"film_id": film_id, "title": content, "blobs": [text(content)]}, policy="insert")
    before = listed(api, bucket)

    rows = [{"film_id": film_id, "title": "new", "blobs": [text("one")]} for film_id in ("m", "n", "o")]
    body = bulk_create(api, bucket, *({**row, "skip_duplicates": True} for row in rows), policy=policy).json

    results = [(row["film_id"], row["title"], row["replayed_by"]) for row in body["succeeded"]]
    assert results == [("m", "one", "skip_duplicates")] * 3
    assert listed(api, bucket) == before
    assert len(blob_keys(world)) == 2


@pytest.mark.parametrize("policy", ["insert", "update", "upsert"])
def test_of_several_duplicates_the_one_with_the_same_key_is_returned(api: Api, policy: str) -> None:
    bucket = create_keyed_bucket(api, "film_id")
    for film_id in "mno":
        created(api, bucket, {"film_id": film_id, "blobs": [text("one")]}, policy="insert")
    rows = [{"film_id": film_id, "blobs": [text("one")], "skip_duplicates": True} for film_id in "onm"]
    body = bulk_create(api, bucket, *rows, policy=policy).json
    results = [(row["film_id"], row["replayed_by"]) for row in body["succeeded"]]
    assert results == [(film_id, "skip_duplicates") for film_id in "onm"]


def test_rows_with_the_same_key_and_content_are_replays_and_with_other_content_follow_the_policy(
    api: Api, world: World
) -> None:
    bucket = create_keyed_bucket(api, "film_id", policy="insert")
    rows = [{"film_id": "m", "blobs": [text(content)], "skip_duplicates": True} for content in ("one", "one", "two")]
    body = bulk_create(api, bucket, *rows).json
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
def test_an_invalid_bulk_request_is_rejected_entirely(
    api: Api, bucket: str, body: dict[str, Any], location: list[str | int]
) -> None:
    reply = api.post(f"{objects(bucket)}/batch", body)
    assert reply.status == 422
    assert reply.error["details"]["validation_errors"][0]["location"] == location
    assert listed(api, bucket) == []


def test_auto_process_submits_all_created_objects_and_is_rejected_in_a_row(api: Api, bucket: str) -> None:
    done = bulk_create(api, bucket, {"title": "M"}, {"title": 5}, {"title": "Fury"}, auto_process="true").json
    (batch,) = api.post("/v1/batches/list").json["results"]
    assert batch["status"] == "PENDING"
    assert batch["sample_object_ids"] == [row["object_id"] for row in done["succeeded"]]
    assert batch["object_count"] == 2
    assert "auto_process" in bulk_create(api, bucket, {"auto_process": True}).json["failed"][0]["error"]
    assert len(listed(api, bucket)) == 2


def test_a_hundred_rows_are_accepted(api: Api, bucket: str) -> None:
    reply = bulk_create(api, bucket, *({"take": take} for take in range(100)))
    assert [row["take"] for row in reply.json["succeeded"]] == list(range(100))
    assert [row["take"] for row in listed(api, bucket, {"page_size": 1000})] == list(range(100))


def test_failed_rows_leave_no_files(api: Api, world: World) -> None:
    bucket = create_keyed_bucket(api, "film_id", policy="insert")
    bulk_create(api, bucket, {"film_id": "m", "blobs": [POSTER]}, {"film_id": "m", "blobs": [POSTER]})
    assert len(blob_keys(world)) == 1
