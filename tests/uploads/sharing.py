"""Objects that share the file of an upload: what is always true of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chalicelib.aws.dynamodb.attribute_values import decode
from tests.support.api import ApiResponse
from tests.uploads.scenes import PNG, UPLOADS, Scene

OBJECTS = "/v1/buckets/films/objects"


def photo_of(upload: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """The blob of a request that has the file of an upload."""
    return {"property": "photo", "type": "image", "upload_id": upload["upload_id"], **more}


def completed(scene: Scene, content: bytes = PNG, **more: Any) -> dict[str, Any]:
    """Returns a completed upload of an image, without an object unless `more` says otherwise."""
    upload = scene.create(**{"create_object_on_confirm": False, "skip_duplicates": False, **more})
    scene.put(upload, content, upload["content_type"])
    assert scene.confirm(upload).status == 200
    return scene.get(upload)


def share(scene: Scene, upload: Mapping[str, Any], **more: Any) -> ApiResponse:
    """Creates an object with the file of an upload."""
    return scene.api.post(OBJECTS, {"blobs": [photo_of(upload)], **more})


def shared(scene: Scene, upload: Mapping[str, Any], **more: Any) -> str:
    """Creates an object with the file of an upload, and returns its id."""
    reply = share(scene, upload, **more)
    assert reply.status == 200, reply.text
    return str(reply.json["object_id"])


def delete(scene: Scene, object_id: str) -> ApiResponse:
    return scene.api.call("DELETE", f"{OBJECTS}/{object_id}")


def delete_all(scene: Scene) -> None:
    """Deletes all objects, and delivers the stream records."""
    for stored in scene.objects():
        delete(scene, stored["object_id"])
    scene.world.pump()


def put(scene: Scene, object_id: str, *blobs: Mapping[str, Any]) -> ApiResponse:
    """Replaces the files of an object."""
    return scene.api.put(f"{OBJECTS}/{object_id}", {"blobs": list(blobs)})


def catalog_rows(scene: Scene, prefix: str) -> list[dict[str, Any]]:
    """Returns the rows of the catalog whose sort keys start with a text."""
    pages: Any = scene.world.client.get_paginator("scan").paginate(TableName=scene.world.tables.catalog)
    rows = [decode(row) for page in pages for row in page["Items"]]
    return [row for row in rows if row["sk"].startswith(prefix)]


def check_no_reference_without_bytes(scene: Scene) -> None:
    """Checks that every file that an object refers to exists."""
    assert scene.referenced() <= set(scene.keys("blobs/")), "an object refers to a missing file"


def check_drained(scene: Scene, upload: Mapping[str, Any], *, was_used: bool = True) -> None:
    """Checks files and rows after all stream records were delivered: no bytes without a reference, and no stale use."""
    kept = scene.referenced() if was_used else {upload["s3_key"]}
    assert set(scene.keys("blobs/")) == kept
    is_removed = upload["s3_key"] not in kept
    shown = scene.api.get(f"{UPLOADS}/{upload['upload_id']}", query={"return_presigned_urls": "true"}).json
    assert (shown["presigned_url"] is None) == is_removed
    assert (shown["message"] == "The file was removed with the last object that referred to it") == is_removed
    owners = {each["object_id"] for each in scene.objects() if upload["s3_key"] in str(each["blobs"])}
    uses = {row["object_id"] for row in catalog_rows(scene, f"USE#{upload['upload_id']}#")}
    assert owners <= uses | {upload["object_id"]}
    if is_removed:
        assert uses == set()
        error = share(scene, upload)
        assert (error.status, error.error["code"]) == (400, "upload_file_removed")
