"""Creates and reads buckets with objects through the API."""

from __future__ import annotations

import base64
from typing import Any

from chalicelib.objects.stored_object import StoredObject, from_item
from tests.support.api import Api, ApiResponse
from tests.support.object_rows import objects_table
from tests.support.world import World

# A PNG image of one gray pixel.
PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg==")
SCHEMA: dict[str, Any] = {
    "properties": {
        "film_id": {"type": "string"},
        "take": {"type": "integer"},
        "title": {"type": "string"},
        "poster": {"type": "image"},
        "review": {"type": "text"},
    }
}
POSTER: dict[str, Any] = {
    "property": "poster",
    "type": "image",
    "data": {"base64": base64.b64encode(PNG).decode(), "filename": "grey.png"},
}


def create_object_bucket(api: Api, name: str = "reels", **more: Any) -> str:
    """Creates a bucket whose schema has strings, numbers and blobs, and returns its id."""
    reply = api.post("/v1/buckets", {"bucket_name": name, "bucket_schema": SCHEMA, **more})
    assert reply.status == 200, reply.text
    return str(reply.json["bucket_id"])


def create_keyed_bucket(api: Api, *fields: str, policy: str | None = None, name: str = "films") -> str:
    """Creates a bucket with a unique key of these fields, and returns its id."""
    return create_object_bucket(api, name, unique_key={"fields": list(fields), "default_policy": policy})


def objects(bucket_id: str, object_id: str = "") -> str:
    """Returns the path of the objects of a bucket, or of one of them."""
    return f"/v1/buckets/{bucket_id}/objects" + (f"/{object_id}" if object_id else "")


def create(api: Api, bucket_id: str, body: dict[str, Any] | None = None, **query: Any) -> ApiResponse:
    """Sends a request that creates an object."""
    return api.post(objects(bucket_id), body or {"title": "M"}, query=query)


def created(api: Api, bucket_id: str, body: dict[str, Any] | None = None, **query: Any) -> dict[str, Any]:
    """Creates an object, and returns it as it is in the response."""
    reply = create(api, bucket_id, body, **query)
    assert reply.status == 200, reply.text
    return dict(reply.json)


def text(data: str = "A masterpiece.") -> dict[str, Any]:
    """Returns the request for a blob with inline text."""
    return {"property": "review", "type": "text", "data": data}


def listed(api: Api, bucket_id: str, body: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """Returns all objects of a list, read page by page."""
    rows: list[dict[str, Any]] = []
    cursor = None
    while True:
        reply = api.post(f"{objects(bucket_id)}/list", {**(body or {}), **({"cursor": cursor} if cursor else {})})
        assert reply.status == 200, reply.text
        rows += reply.json["results"]
        cursor = reply.json["pagination"]["next_cursor"]
        if cursor is None:
            return rows


def blob_keys(world: World) -> list[str]:
    """Returns the S3 keys of all stored blobs."""
    return [stored.key for stored in world.services.blobs.list_files("")]


def stored_object(world: World, bucket_id: str, object_id: str) -> StoredObject:
    """Returns an object from its row, whether or not it is soft-deleted."""
    row = objects_table(world).get({"bucket_id": bucket_id, "object_id": object_id})
    assert row is not None
    return from_item(row)
