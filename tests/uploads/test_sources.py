"""A blob with `upload_id`: the file of a completed upload becomes a file of further objects, which share it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.support.seeding import traffic
from tests.uploads.scenes import PNG, UPLOADS, Scene, sha256
from tests.uploads.sharing import OBJECTS, completed, photo_of


def create(scene: Scene, upload: Mapping[str, Any], blob: Mapping[str, Any] | None = None, **more: Any) -> Any:
    """Creates an object with the file of an upload. Returns the object, or the error."""
    reply = scene.api.post(OBJECTS, {"blobs": [photo_of(upload, **(blob or {}))], **more})
    return reply.json if reply.status == 200 else {"status": reply.status, **reply.error}


def problem(error: Mapping[str, Any]) -> tuple[int, str, str]:
    """Returns the status, the place and the type of the only problem of an invalid request."""
    (only,) = error["details"]["validation_errors"]
    return error["status"], ".".join(map(str, only["location"])), only["type"]


def test_several_objects_share_the_file_of_an_upload(scene: Scene) -> None:
    upload = completed(scene)
    made = [create(scene, upload, title=title) for title in ("M", "Fury")]
    for stored in made:
        (blob,) = stored["blobs"]
        assert blob["details"] == {
            "filename": "still.png",
            "size_bytes": len(PNG),
            "mime_type": "image/png",
            "hash": f"sha256:{sha256(PNG)}",
        }
        assert blob["properties"]["url"].endswith(upload["s3_key"])
    assert len({stored["object_id"] for stored in made}) == 2
    assert scene.keys() == [upload["s3_key"]]
    scene.world.pump()
    bucket = scene.api.get("/v1/buckets/films").json
    assert (bucket["object_count"], bucket["total_size_bytes"]) == (2, 2 * len(PNG))


def test_the_file_of_an_object_that_an_upload_has_made_is_shared(scene: Scene) -> None:
    upload = completed(scene, create_object_on_confirm=True)
    made = create(scene, upload)
    assert made["object_id"] != upload["object_id"]
    url = scene.api.get(f"{OBJECTS}/{made['object_id']}", query={"return_presigned_urls": "true"})
    assert upload["s3_key"] in url.json["blobs"][0]["presigned_url"]


def test_a_row_of_a_bulk_create_names_an_upload(scene: Scene) -> None:
    upload, pending = completed(scene), scene.create()
    rows = [
        {"title": "M", "blobs": [photo_of(upload)]},
        {"title": "N", "blobs": [photo_of({"upload_id": "upl_none"})]},
        {"title": "O", "blobs": [photo_of(pending)]},
        {"title": "P", "blobs": [photo_of(upload), photo_of(upload)]},
    ]
    reply = scene.api.post(f"{OBJECTS}/batch", {"objects": rows})
    assert reply.status == 200, reply.text
    assert [row["object_index"] for row in reply.json["succeeded"]] == [0, 3]
    failed = {row["object_index"]: row["error_type"] for row in reply.json["failed"]}
    assert failed == {1: "NotFoundError", 2: "BadRequestError"}
    assert scene.keys("blobs/") == [upload["s3_key"]]


def test_a_put_replaces_a_file_by_that_of_an_upload(scene: Scene) -> None:
    upload = completed(scene)
    made = scene.api.post(OBJECTS, {"title": "M"}).json
    changed = scene.api.put(f"{OBJECTS}/{made['object_id']}", {"blobs": [photo_of(upload)]})
    assert changed.status == 200, changed.text
    assert scene.referenced() == {upload["s3_key"]}


@pytest.mark.parametrize("policy", ["update", "upsert"])
def test_an_object_with_the_unique_key_gets_the_file(empty_scene: Scene, policy: str) -> None:
    empty_scene.new_bucket(unique_key={"fields": ["film_id"], "default_policy": "upsert"})
    upload = completed(empty_scene)
    made = empty_scene.api.post(OBJECTS, {"film_id": "tt1", "title": "M"}).json
    body = {"film_id": "tt1", "blobs": [photo_of(upload)]}
    changed = empty_scene.api.post(OBJECTS, body, query={"policy": policy})
    assert (changed.status, changed.json["object_id"], changed.json["title"]) == (200, made["object_id"], "M")
    assert empty_scene.referenced() == {upload["s3_key"]}


def test_an_upload_of_the_same_content_stands_for_the_first_one(scene: Scene) -> None:
    first = completed(scene, create_object_on_confirm=True)
    second = completed(scene, create_object_on_confirm=True, skip_duplicates=True)
    assert second["duplicate_of_upload_id"] == first["upload_id"]
    create(scene, second)
    for stored in scene.objects()[:1]:
        scene.api.call("DELETE", f"{OBJECTS}/{stored['object_id']}")
    scene.world.pump()
    scene.check_files()


def test_skip_duplicates_finds_the_object_with_the_file(scene: Scene) -> None:
    upload = completed(scene)
    first = create(scene, upload)
    assert create(scene, upload, skip_duplicates=True)["object_id"] == first["object_id"]


def test_a_short_text_of_an_upload_is_in_the_object(scene: Scene) -> None:
    upload = completed(scene, "Köln".encode(), filename="a.txt", content_type="text/plain", blob_property="script")
    made = create(scene, upload, {"property": "script", "type": "text"})
    assert made["blobs"][0]["properties"]["text"] == "Köln"


def test_no_archived_file_is_read(empty_scene: Scene) -> None:
    empty_scene.new_bucket(storage_class="archive")
    upload = completed(empty_scene)
    empty_scene.api.put("/v1/buckets/films", {"storage_class": "standard"})
    with traffic(empty_scene.world) as seen:
        made = create(empty_scene, upload)
    assert made["blobs"][0]["properties"]["archived"] is True
    assert seen.calls.count("GetObject") + seen.calls.count("CopyObject") + seen.calls.count("PutObject") == 0
    for path in (f"{UPLOADS}/{upload['upload_id']}", f"{OBJECTS}/{made['object_id']}"):
        shown = empty_scene.api.get(path, query={"return_presigned_urls": "true"}).json
        assert "X-Amz-Signature" not in str(shown)


def test_an_upload_that_is_not_completed_is_refused(scene: Scene) -> None:
    upload = scene.create()
    error = create(scene, upload)
    assert (error["status"], error["code"]) == (400, "upload_not_completed")
    assert error["details"]["field"] == "body.blobs.0.upload_id"
    assert error["details"]["status"] == "PENDING"
    scene.cancel(upload)
    assert create(scene, upload)["details"]["status"] == "CANCELED"
    assert scene.objects() == []


def test_an_unknown_upload_is_not_found(scene: Scene) -> None:
    for upload_id in ("upl_none", "upl_a-b", "upl_" + "x" * 300):
        error = create(scene, {"upload_id": upload_id})
        assert (error["status"], error["details"]["field"]) == (404, "body.blobs.0.upload_id"), upload_id


def test_an_upload_whose_retention_has_ended_is_not_found(scene: Scene) -> None:
    upload = scene.create()
    scene.world.clock.advance(40 * 86400)
    assert create(scene, upload)["status"] == 404


def test_an_upload_to_another_bucket_or_of_another_tenant_is_not_found(scene: Scene) -> None:
    upload, world = completed(scene), scene.world
    body = {"bucket_name": "others", "bucket_schema": {"properties": {"photo": {"type": "image"}}}}
    scene.api.post("/v1/buckets", body)
    other = world.services.access.create_organization("Other").organization_id
    tenant = world.api(key=world.key_for(other))
    tenant.using(namespace="").post("/v1/namespaces", {"namespace_name": "films"})
    tenant.post("/v1/buckets", {**body, "bucket_name": "films"})
    for api, bucket in ((scene.api, "others"), (tenant, "films")):
        reply = api.post(f"/v1/buckets/{bucket}/objects", {"blobs": [photo_of(upload)]})
        assert (reply.status, reply.error["details"]["resource"]) == (404, "upload")


def test_an_upload_that_was_not_needed_has_no_file(empty_scene: Scene) -> None:
    empty_scene.new_bucket(unique_key={"fields": ["film_id"], "default_policy": "insert"})
    empty_scene.api.post(OBJECTS, {"film_id": "tt1"})
    upload = empty_scene.create(object_metadata={"film_id": "tt1"})
    assert upload["skipped_unique_key"] is True
    error = create(empty_scene, upload, film_id="tt2")
    assert (error["status"], error["code"]) == (400, "upload_without_file")


def test_both_sources_or_none_are_refused(scene: Scene) -> None:
    upload = completed(scene)
    assert problem(create(scene, upload, {"data": "https://example.com/a.png"}))[0] == 422
    assert problem(create(scene, {"upload_id": None})) == (422, "body.blobs.0.data", "missing")
    assert problem(create(scene, {"upload_id": "film_1"}))[:2] == (422, "body.blobs.0.upload_id")


def test_a_field_refuses_a_file_of_another_type(scene: Scene) -> None:
    upload = completed(scene)
    error = create(scene, upload, {"property": "script", "type": "text"})
    assert problem(error) == (422, "body.blobs.0.upload_id", "content_type_mismatch")


def test_the_type_of_an_upload_without_an_object_is_found_in_its_bytes(scene: Scene) -> None:
    page = completed(scene, b"<!doctype html><title>Not found</title>")
    assert problem(create(scene, page))[2] == "content_type_mismatch"
    unknown = completed(scene, PNG, content_type="application/octet-stream", filename="still")
    assert create(scene, unknown)["blobs"][0]["details"]["mime_type"] == "image/png"


def test_a_checksum_is_compared(scene: Scene) -> None:
    upload = completed(scene)
    given = create(scene, upload, {"checksum": f"SHA256:{sha256(PNG).upper()}"})
    assert given["blobs"][0]["details"]["hash"] == f"SHA256:{sha256(PNG).upper()}"
    assert problem(create(scene, upload, {"checksum": "0" * 64})) == (
        422,
        "body.blobs.0.checksum",
        "checksum_mismatch",
    )


def test_one_object_has_files_of_several_uploads_up_to_a_limit(scene: Scene) -> None:
    uploads = [completed(scene, PNG + bytes([number])) for number in range(50)]
    blobs = [photo_of(upload) for upload in uploads]
    assert problem_of(scene, blobs) == (422, "body.blobs", "too_many_uploads")
    made = scene.api.post(OBJECTS, {"blobs": blobs[1:]})
    assert (made.status, len(made.json["blobs"])) == (200, 49)


def problem_of(scene: Scene, blobs: list[dict[str, Any]]) -> tuple[int, str, str]:
    reply = scene.api.post(OBJECTS, {"blobs": blobs})
    return problem({"status": reply.status, **reply.error})


def test_an_upload_of_an_earlier_version_has_its_declared_type(scene: Scene) -> None:
    upload = completed(scene)
    rows: list[Any] = []
    for page in scene.world.client.get_paginator("scan").paginate(TableName=scene.world.tables.catalog):
        rows += [row for row in page["Items"] if row["sk"] == {"S": f"UPL#{upload['upload_id']}"}]
    (row,) = rows
    scene.world.client.put_item(
        TableName=scene.world.tables.catalog,
        Item={name: value for name, value in row.items() if name not in ("mime_type", "text", "storage_class")},
    )
    assert create(scene, upload)["blobs"][0]["details"]["mime_type"] == "image/png"


def test_other_objects_cost_nothing_more(scene: Scene) -> None:
    with traffic(scene.world) as seen:
        scene.api.post(OBJECTS, {"title": "M"})
    assert seen.calls[-1] == "PutItem"
    assert "TransactWriteItems" not in seen.calls
