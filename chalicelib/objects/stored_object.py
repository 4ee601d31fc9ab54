"""An object as it is stored, and its row."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from chalicelib.blobs.blob import Blob, from_document, to_document
from chalicelib.core.json_codec import bounded, escaped_bytes, to_json
from chalicelib.core.record import record
from chalicelib.objects.errors import ObjectTooLarge

PENDING = "PENDING"
MAX_DOCUMENT_BYTES = 300_000
# With what is added for files that are copied from URLs. A DynamoDB item has at most 400 KB (409 600 bytes). The other
# attributes need less than the difference.
MAX_GROWN_BYTES = 390_000


@record
class StoredObject:
    """An object: the client's fields in `values`, the files in `blobs`, and the attributes of the service.

    `partition` is that of the namespace. `revision` counts the writes. `mark` is random and never changes: after a
    deletion another object can get the same id, and the mark distinguishes the two. `schema_version` is the version of
    the bucket's schema that all fields conform to. `epoch` is the epoch of the bucket's statistics that count the
    object. `content_hash` is the hash over all files, None if the content of any is unknown. `soft_deleted` has the
    state, reason, source and time of a soft deletion. `source_bucket_id` is the bucket whose source adapter made the
    object, if one did. `stored_bytes` is the size of the document in the row, and `escaped_bytes` in a response.
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
    source_bucket_id: str | None = None
    stored_bytes: int = 0
    escaped_bytes: int = 0

    @property
    def size_bytes(self) -> int:
        """The total size of the files in bytes. A file of unknown size counts as 0."""
        return sum(blob.size_bytes or 0 for blob in self.blobs)

    @property
    def etag(self) -> str:
        """The entity tag of this revision (RFC 9110, 8.8.3)."""
        return f'"{self.object_id}-{self.mark}-{self.revision}"'


def to_item(stored: StoredObject) -> dict[str, Any]:
    """The object's row. A soft-deleted object is in neither index. Raises ObjectTooLarge."""
    is_indexed = stored.soft_deleted is None
    return {
        "bucket_id": stored.bucket_id,
        "object_id": stored.object_id,
        "ns": stored.partition,
        "created_at": stored.created_at,
        "updated_at": stored.updated_at,
        "created_key": created_key(stored.created_at, stored.object_id) if is_indexed else None,
        "size_bytes": stored.size_bytes,
        "size_key": size_key(stored.size_bytes, stored.content_hash) if is_indexed else None,
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
    content = json.loads(text)
    return StoredObject(
        partition=item["ns"],
        bucket_id=item["bucket_id"],
        object_id=item["object_id"],
        values=content["values"],
        blobs=tuple(map(from_document, content["blobs"])),
        created_at=item["created_at"],
        updated_at=item["updated_at"],
        schema_version=item["schema_version"],
        epoch=item["epoch"],
        mark=item.get("mark", ""),
        revision=item["revision"],
        status=item["status"],
        error=item.get("error"),
        key_prefix=content.get("key_prefix"),
        edges=content.get("edges"),
        idempotency_key=item.get("idempotency_key"),
        content_hash=item.get("content_hash"),
        soft_deleted=item.get("soft_deleted"),
        source_bucket_id=content.get("source_bucket_id"),
        stored_bytes=len(text) if text.isascii() else len(text.encode()),
        escaped_bytes=escaped_bytes(text),
    )


def document(stored: StoredObject) -> str:
    """The parts of the object that no query reads, as JSON text, which preserves them exactly.

    Raises ObjectTooLarge.
    """
    content = {
        "values": stored.values,
        "blobs": [to_document(blob) for blob in stored.blobs],
        "key_prefix": stored.key_prefix,
        "edges": stored.edges,
    }
    if stored.source_bucket_id is not None:
        content["source_bucket_id"] = stored.source_bucket_id
    max_bytes = _max_document_bytes(stored.blobs)
    return bounded(to_json(content), max_bytes, lambda: ObjectTooLarge(max_bytes))


def _max_document_bytes(blobs: Sequence[Blob]) -> int:
    """The limit of the document. It leaves room for the files that are still copied, so that each wish can end.

    Writing an attempt or the end of a wish never exceeds it: the room that the wish had, or the limit, changes by at
    least as many bytes as the document. Only the text of a file is not included.
    """
    wishes = [blob.mirror for blob in blobs if blob.mirror is not None]
    if not wishes:
        return MAX_DOCUMENT_BYTES
    from chalicelib.blobs.mirror import MAX_GROWTH_BYTES

    grown = MAX_DOCUMENT_BYTES + MAX_GROWTH_BYTES * sum(wish.is_begun for wish in wishes)
    return max(0, min(grown, MAX_GROWN_BYTES - sum(wish.remaining_growth for wish in wishes)))


def created_key(created_at: str, object_id: str) -> str:
    """The sort key of the index by creation time; objects of the same time are sorted by id."""
    return f"{created_at}#{object_id}"


def size_key(size_bytes: int, content_hash: str | None) -> str:
    """The sort key of the index by size, which also finds objects with the same content."""
    return f"{size_bytes:020}#{content_hash or ''}"
