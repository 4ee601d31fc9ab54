"""An object as the service knows it, and its row."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.blobs.blob import Blob, from_document, to_document
from chalicelib.core.json_codec import bounded, to_json
from chalicelib.objects.errors import ObjectTooLarge

PENDING = "PENDING"
# DynamoDB's row ends at 400 KB; what stands beside the document stays far below the rest.
MAX_DOCUMENT_BYTES = 300_000


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object: the client's own fields in `values`, its files in `blobs`, and what the service keeps of it.

    `partition` says whose it is. `revision` counts its writes, and `mark` is of chance and stays: an id may be
    used again once its object was deleted, and nothing may take the new object for the old one.
    `schema_version` is that of the schema which it fits as a whole, and `epoch` which count of the bucket's
    objects it belongs to. `content_hash` names the whole content where all of it is known. `soft_deleted` says
    who hid it and why, if somebody did.
    """

    partition: str
    bucket_id: str
    object_id: str
    values: Mapping[str, Any]
    blobs: tuple[Blob, ...]
    created_at: str
    updated_at: str
    schema_version: int
    epoch: int
    mark: str = ""
    revision: int = 1
    status: str = PENDING
    error: str | None = None
    key_prefix: str | None = None
    edges: list[dict[str, Any]] | None = None
    idempotency_key: str | None = None
    content_hash: str | None = None
    soft_deleted: Mapping[str, Any] | None = None
    stored_bytes: int = 0

    @property
    def size_bytes(self) -> int:
        """The sum of its files, as far as their sizes are known."""
        return sum(blob.size_bytes or 0 for blob in self.blobs)

    @property
    def etag(self) -> str:
        """Names this state."""
        return f'"{self.object_id}-{self.mark}-{self.revision}"'


def to_item(stored: StoredObject) -> dict[str, Any]:
    """The object's row. A hidden object stays out of both indexes. Raises ObjectTooLarge."""
    listed = stored.soft_deleted is None
    return {
        "bucket_id": stored.bucket_id,
        "object_id": stored.object_id,
        "ns": stored.partition,
        "created_at": stored.created_at,
        "updated_at": stored.updated_at,
        "created_key": created_key(stored.created_at, stored.object_id) if listed else None,
        "size_bytes": stored.size_bytes,
        "size_key": size_key(stored.size_bytes, stored.content_hash) if listed else None,
        "content_hash": stored.content_hash,
        "status": stored.status,
        "error": stored.error,
        "mark": stored.mark,
        "revision": stored.revision,
        "schema_version": stored.schema_version,
        "epoch": stored.epoch,
        "idempotency_key": stored.idempotency_key,
        "soft_deleted": dict(stored.soft_deleted) if stored.soft_deleted else None,
        "document": document(stored),
    }


def from_item(item: Mapping[str, Any]) -> StoredObject:
    """The object in a row."""
    text: str = item["document"]
    held = json.loads(text)
    return StoredObject(
        partition=item["ns"],
        bucket_id=item["bucket_id"],
        object_id=item["object_id"],
        values=held["values"],
        blobs=tuple(map(from_document, held["blobs"])),
        created_at=item["created_at"],
        updated_at=item["updated_at"],
        schema_version=item["schema_version"],
        epoch=item["epoch"],
        mark=item.get("mark", ""),
        revision=item["revision"],
        status=item["status"],
        error=item.get("error"),
        key_prefix=held.get("key_prefix"),
        edges=held.get("edges"),
        idempotency_key=item.get("idempotency_key"),
        content_hash=item.get("content_hash"),
        soft_deleted=item.get("soft_deleted"),
        stored_bytes=len(text) if text.isascii() else len(text.encode()),
    )


def document(stored: StoredObject) -> str:
    """What only people care for, as one JSON text: it comes back exactly as it was given."""
    held = {
        "values": stored.values,
        "blobs": [to_document(blob) for blob in stored.blobs],
        "key_prefix": stored.key_prefix,
        "edges": stored.edges,
    }
    return bounded(to_json(held), MAX_DOCUMENT_BYTES, lambda: ObjectTooLarge(MAX_DOCUMENT_BYTES))


def created_key(created_at: str, object_id: str) -> str:
    """The place of an object in the order of creation; objects of one moment go by id."""
    return f"{created_at}#{object_id}"


def size_key(size_bytes: int, content_hash: str | None) -> str:
    """The place of an object in the order of sizes, with its content where all of it is known."""
    return f"{size_bytes:020}#{content_hash or ''}"
