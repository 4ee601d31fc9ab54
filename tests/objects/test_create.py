from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.blobs.inputs import MAX_INLINE_CONTENT_BYTES, MAX_INLINE_TEXT_BYTES
from tests.support.api import Api
from tests.support.catalog import partition_of
from tests.support.objects import (
    PNG,
    POSTER,
    SCHEMA,
    blob_keys,
    create,
    create_object_bucket,
    created,
    listed,
    objects,
    stored_object,
    text,
)
from tests.support.world import World


@pytest.fixture
def bucket(api: Api) -> str:
    return create_object_bucket(api)


def test_an_object_has_its_fields_at_the_root_and_is_pending(api: Api, bucket: str) -> None:
    reply = create(api, bucket, {"title": "M", "score": 9.5, "metadata": {"reel": 1}, "key_prefix": "lang/m"})

    made = reply.json
    assert (made["title"], made["score"], made["metadata"], made["key_prefix"]) == ("M", 9.5, {"reel": 1}, "lang/m")
    assert (made["bucket_id"], made["status"], made["error"], made["blobs"]) == (bucket, "PENDING", None, [])
    assert made["created_at"] == made["updated_at"]
    assert made["document_count"] is None
    assert re.fullmatch(rf'"{made["object_id"]}-m_[0-9a-z]+-1"', reply.headers["ETag"])
    read = api.get(objects(bucket, made["object_id"]))
    assert read.json == {**made, "document_count": 0}
    assert read.headers["ETag"] == reply.headers["ETag"]
    assert api.get(objects(bucket, made["object_id"]), query={"include_document_count": "false"}).json == made


def test_values_are_returned_exactly(api: Api, bucket: str) -> None:
    values = {"big": 10**37, "small": 1e-7, "whole": 3.0, "deep": [{"a": [None, True, "é\u0000"]}], "": "no name"}
    made = created(api, bucket, values)
    read = api.get(objects(bucket, made["object_id"])).text
    assert '"whole":3.0' in read
    assert api.get(objects(bucket, made["object_id"])).json | values == api.get(objects(bucket, made["object_id"])).json


def test_inline_content_is_stored_and_described(api: Api, bucket: str, world: World) -> None:
    made = created(api, bucket, {"blobs": [POSTER, text("A masterpiece.")]})

    poster, review = made["blobs"]
    assert poster["details"] == {
        "filename": "grey.png",
        "size_bytes": len(PNG),
        "mime_type": "image/png",
        "hash": "sha256:" + hashlib.sha256(PNG).hexdigest(),
    }
    assert (poster["type"], poster["property"], poster["presigned_url"]) == ("image", "poster", None)
    assert review["properties"]["text"] == "A masterpiece."
    bucket_name, _, key = poster["properties"]["url"].removeprefix("s3://").partition("/")
    assert key == f"blobs/{bucket}/{made['object_id']}/{poster['blob_id']}"
    stored = world.s3.get_object(Bucket=bucket_name, Key=key)
    assert (stored["Body"].read(), stored["ContentType"]) == (PNG, "image/png")


def test_files_with_the_same_name_have_different_keys(api: Api, bucket: str, world: World) -> None:
    name = f"{'a' * 100}/{{}}/{'b' * 140}.png"
    blobs = [{**POSTER, "data": {**POSTER["data"], "filename": name.format(which)}} for which in ("x", "y", "y")]
    shown = created(api, bucket, {"blobs": blobs})["blobs"]
    assert [blob["details"]["filename"] for blob in shown] == [blob["data"]["filename"] for blob in blobs]
    assert sorted(blob["properties"]["url"].split("/", 3)[3] for blob in shown) == blob_keys(world)
    assert len(blob_keys(world)) == 3


def test_a_url_is_stored_by_reference(api: Api, bucket: str) -> None:
    url = "https://example.com/posters/m.jpg?size=large"
    made = created(api, bucket, {"blobs": [{"property": "poster", "type": "IMAGE", "data": url}]})
    (poster,) = made["blobs"]
    assert poster["properties"]["url"] == url
    assert poster["details"]["size_bytes"] is None
    assert poster["type"] == "image"


def test_download_urls_are_returned_on_request(api: Api, bucket: str) -> None:
    url = "https://example.com/m.jpg"
    made = created(api, bucket, {"blobs": [POSTER, {"property": "poster", "type": "image", "data": url}]})
    path = objects(bucket, made["object_id"])

    signed, other = api.get(path, query={"return_presigned_urls": "true"}).json["blobs"]

    assert "X-Amz-Signature=" in signed["presigned_url"]
    assert "X-Amz-Expires=3600" in signed["presigned_url"]
    assert signed["properties"]["presigned_url"] == signed["presigned_url"]
    assert other["presigned_url"] is None
    (row,) = listed(api, bucket, {"return_presigned_urls": True})
    assert "X-Amz-Signature=" in row["blobs"][0]["presigned_url"]
    assert listed(api, bucket)[0]["blobs"][0]["presigned_url"] is None


def test_files_have_the_storage_class_of_their_bucket(api: Api, world: World) -> None:
    bucket = create_object_bucket(api, storage_class="archive")
    made = created(api, bucket, {"blobs": [POSTER]})
    (key,) = blob_keys(world)
    assert world.s3.head_object(Bucket=world.settings.blob_bucket, Key=key)["StorageClass"] == "GLACIER"
    read = api.get(objects(bucket, made["object_id"]), query={"return_presigned_urls": "true"}).json
    assert read["blobs"][0]["presigned_url"] is None
    assert read["blobs"][0]["properties"]["archived"] is True


@pytest.mark.parametrize(
    ("body", "location"),
    [
        ({"title": 5}, ["body", "title"]),
        ({"take": 1.5}, ["body", "take"]),
        ({"status": "COMPLETED"}, ["body", "status"]),
        ({"_internal": 1}, ["body", "_internal"]),
        ({"auto_process": True}, ["body", "auto_process"]),
        ({"blobs": [{"property": "poster", "type": "video", "data": "https://e.com"}]}, ["body", "blobs", 0, "type"]),
        ({"blobs": [{"property": "none", "type": "image", "data": "https://e.com"}]}, ["body", "blobs", 0, "property"]),
        ({"blobs": [{"property": "poster", "type": "image"}]}, ["body", "blobs", 0, "data"]),
        ({"blobs": [{**POSTER, "more": 1}]}, ["body", "blobs", 0, "more"]),
        ({"blobs": [{**POSTER, "checksum": "abc"}]}, ["body", "blobs", 0, "checksum"]),
        ({"idempotency_key": "x" * 256}, ["body", "idempotency_key"]),
        ({"edges": [{"type": "next"}]}, ["body", "edges", 0, "target_object_id"]),
        ({"key_prefix": 5}, ["body", "key_prefix"]),
    ],
)
def test_an_invalid_object_is_rejected_with_its_location_and_stores_nothing(
    api: Api, bucket: str, world: World, body: dict[str, Any], location: list[str | int]
) -> None:
    reply = create(api, bucket, body)
    assert reply.status == 422
    assert reply.error["details"]["validation_errors"][0]["location"] == location
    assert listed(api, bucket) == []
    assert blob_keys(world) == []


def test_an_invalid_field_stores_no_file(api: Api, bucket: str, world: World) -> None:
    reply = create(api, bucket, {"title": 5, "blobs": [POSTER]})
    assert reply.status == 422
    assert blob_keys(world) == []


def test_a_new_object_is_submitted_with_auto_process(api: Api, bucket: str) -> None:
    for value in ("false", "true"):
        assert api.post("/v1/batches/list").json["results"] == []
        made = create(api, bucket, {"title": "M"}, auto_process=value).json["object_id"]
    (batch,) = api.post("/v1/batches/list").json["results"]
    assert (batch["status"], batch["sample_object_ids"]) == ("PENDING", [made])


def test_the_default_parameters_of_the_official_client_are_accepted(api: Api, bucket: str) -> None:
    defaults = {"skip_duplicates": False, "canonicalize_source": True, "force_remirror": False}
    made = created(api, bucket, {"title": "M", **defaults})
    assert not set(defaults) & set(made)


def test_an_object_that_is_too_large_for_a_row_is_rejected(api: Api, bucket: str) -> None:
    reply = create(api, bucket, {"essay": "x" * 300_001})
    assert reply.status == 422
    assert reply.error["details"]["validation_errors"][0]["type"] == "object_too_large"


def test_edges_are_stored_unchanged(api: Api, bucket: str) -> None:
    edges = [{"type": "sequel", "target_object_id": "obj_2", "weight": 0.5}, {"type": "x", "target_object_id": "y"}]
    made = created(api, bucket, {"edges": edges})
    assert api.get(objects(bucket, made["object_id"])).json["edges"] == edges


def test_metadata_of_a_blob_is_copied_to_the_root(api: Api, bucket: str) -> None:
    blobs = [{**text(), "metadata": {"title": "from the blob", "lang": "de"}}]
    made = created(api, bucket, {"title": "M", "blobs": blobs})
    assert (made["title"], made["lang"]) == ("M", "de")


def test_a_sha_256_without_algorithm_is_returned_with_it(api: Api, bucket: str) -> None:
    digest = hashlib.sha256(PNG).hexdigest()
    made = created(api, bucket, {"blobs": [{**POSTER, "checksum": digest}]})
    assert made["blobs"][0]["details"]["hash"] == f"sha256:{digest}"


def test_the_same_idempotency_key_returns_the_same_object_for_any_body(api: Api, bucket: str, world: World) -> None:
    first = created(api, bucket, {"title": "M", "idempotency_key": "k", "blobs": [POSTER]})
    again = created(api, bucket, {"title": "other", "idempotency_key": "k", "blobs": [POSTER, text()]})
    assert again == first
    assert len(blob_keys(world)) == 1
    assert len(listed(api, bucket)) == 1
    assert created(api, bucket, {"idempotency_key": "K"})["object_id"] != first["object_id"]


def test_the_idempotency_key_of_a_deleted_object_can_be_used_again(api: Api, bucket: str) -> None:
    first = created(api, bucket, {"idempotency_key": "k", "title": "old"})
    assert api.call("DELETE", objects(bucket, first["object_id"])).status == 204
    assert created(api, bucket, {"idempotency_key": "k", "title": "new"})["title"] == "new"


def test_the_same_content_returns_the_same_object_if_duplicates_are_skipped(
    api: Api, bucket: str, world: World
) -> None:
    first = created(api, bucket, {"title": "M", "blobs": [POSTER, text()]})
    again = created(api, bucket, {"title": "N", "blobs": [text(), POSTER], "skip_duplicates": True})
    assert again == first
    assert len(blob_keys(world)) == 2
    other = created(api, bucket, {"blobs": [text()], "skip_duplicates": True})
    assert other["object_id"] != first["object_id"]
    assert created(api, bucket, {"blobs": [text()], "skip_duplicates": True}) == other


def test_an_object_with_changed_content_is_not_a_duplicate(api: Api, bucket: str) -> None:
    first = created(api, bucket, {"blobs": [text("one")], "skip_duplicates": True})
    assert api.put(objects(bucket, first["object_id"]), {"blobs": [text("two")]}).status == 200
    second = created(api, bucket, {"blobs": [text("one")], "skip_duplicates": True})
    assert second["object_id"] != first["object_id"]
    assert created(api, bucket, {"blobs": [text("one")], "skip_duplicates": True}) == second
    assert created(api, bucket, {"blobs": [text("two")], "skip_duplicates": True})["object_id"] == first["object_id"]


def test_urls_are_never_duplicates_of_each_other(api: Api, bucket: str) -> None:
    body = {"blobs": [{"property": "poster", "type": "image", "data": "https://e.com/x"}], "skip_duplicates": True}
    assert created(api, bucket, body)["object_id"] != created(api, bucket, body)["object_id"]


def test_creating_in_an_unknown_bucket_is_not_found(api: Api) -> None:
    reply = create(api, "bkt_0000000000000000")
    assert (reply.status, reply.error["details"]["resource"]) == (404, "bucket")
    assert create(api, "nowhere").status == 404


def test_a_bucket_can_be_addressed_by_its_name(api: Api, bucket: str) -> None:
    made = created(api, "reels", {"title": "M"})
    assert made["bucket_id"] == bucket
    assert api.get(objects("reels", made["object_id"])).json["title"] == "M"


def test_locked_and_archived_buckets_reject_writes_and_can_be_read(api: Api, world: World, bucket: str) -> None:
    made = created(api, bucket)
    path = objects(bucket, made["object_id"])
    buckets, partition = world.services.buckets, partition_of(world)
    closed_states: list[tuple[Callable[[], object], int, str]] = [
        (lambda: buckets.set_lock(partition, bucket, locked=True), 403, "bucket_locked"),
        (lambda: buckets.set_status(partition, bucket, "ARCHIVED"), 409, "bucket_not_active"),
    ]
    for close, status, code in closed_states:
        close()
        replies = [
            create(api, bucket),
            api.post(f"{objects(bucket)}/batch", {"objects": [{}]}),
            api.put(path, {"title": "N"}),
            api.patch(path, {"title": "N"}),
            api.call("DELETE", path),
            api.post(f"{objects(bucket)}/bulk-soft-delete", {"object_ids": ["x"], "reason": "r"}),
        ]
        assert {(reply.status, reply.error["code"]) for reply in replies} == {(status, code)}
        assert api.get(path).status == 200
        buckets.set_lock(partition, bucket, locked=False)


def test_the_schema_version_of_an_object_is_that_of_its_bucket(api: Api, bucket: str, world: World) -> None:
    first = created(api, bucket)
    widened = {"properties": {**SCHEMA["properties"], "color": {"type": "boolean"}}}
    assert api.patch(f"/v1/buckets/{bucket}", {"bucket_schema": widened}).status == 200
    second = created(api, bucket, {"color": False})
    versions = [stored_object(world, bucket, made["object_id"]).schema_version for made in (first, second)]
    assert versions == [1, 2]


def test_defaults_of_the_schema_are_filled_in(api: Api) -> None:
    schema = {"properties": {"lang": {"type": "string", "default": "de"}, "film": {"type": "object"}}}
    made = api.post("/v1/buckets", {"bucket_name": "b", "bucket_schema": schema}).json
    assert created(api, made["bucket_id"], {"film": {}})["lang"] == "de"


def poster_of(size: int) -> dict[str, Any]:
    data = base64.b64encode(PNG + bytes(size - len(PNG))).decode()
    return {"property": "poster", "type": "image", "data": {"base64": data, "filename": "x" * 255}}


def test_the_largest_file_fits_into_a_request_beside_other_fields(api: Api, bucket: str) -> None:
    body = {"title": "M" * 130_000, "blobs": [poster_of(MAX_INLINE_CONTENT_BYTES)]}
    assert created(api, bucket, body)["blobs"][0]["details"]["size_bytes"] == MAX_INLINE_CONTENT_BYTES


UPLOADS = "POST /v1/buckets/{bucket_identifier}/uploads"


def test_a_larger_file_is_rejected_with_the_advice_to_upload_it(api: Api, bucket: str) -> None:
    reply = create(api, bucket, {"blobs": [poster_of(MAX_INLINE_CONTENT_BYTES + 1)]})
    (problem,) = reply.json["error"]["details"]["validation_errors"]
    assert (reply.status, problem["type"]) == (422, "content_too_large")
    assert "4400000 bytes" in problem["message"]
    assert UPLOADS in problem["message"]


def test_a_longer_text_is_rejected_with_the_advice_to_upload_it(api: Api, bucket: str) -> None:
    data = "x" * (MAX_INLINE_TEXT_BYTES + 1)
    reply = create(api, bucket, {"blobs": [{"property": "review", "type": "text", "data": data}]})
    (problem,) = reply.json["error"]["details"]["validation_errors"]
    assert (reply.status, problem["type"]) == (422, "content_too_large")
    assert UPLOADS in problem["message"]


def test_a_file_in_a_bulk_create_is_rejected_with_the_advice_to_upload_it(api: Api, bucket: str) -> None:
    body = {"objects": [{"title": "M"}, {"blobs": [poster_of(MAX_INLINE_CONTENT_BYTES + 1)]}]}
    reply = api.post(f"/v1/buckets/{bucket}/objects/batch", body)
    assert (reply.status, reply.json["succeeded_count"]) == (200, 1)
    assert UPLOADS in reply.json["failed"][0]["error"]
    body = {"objects": [{"blobs": [poster_of(MAX_INLINE_CONTENT_BYTES)]}] * 2}
    reply = api.post(f"/v1/buckets/{bucket}/objects/batch", body)
    assert (reply.status, reply.error["type"]) == (413, "PayloadTooLargeError")
    assert UPLOADS in reply.error["message"]


def test_a_request_that_is_too_large_is_rejected_with_the_advice_to_upload(api: Api, bucket: str) -> None:
    reply = create(api, bucket, {"blobs": [poster_of(4_600_000)]})
    assert (reply.status, reply.error["type"]) == (413, "PayloadTooLargeError")
    assert UPLOADS in reply.error["message"]
