"""Reads a request for a new object and checks it against its bucket. Uses neither the store nor a clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.blobs.blob import Blob
from chalicelib.blobs.content import NewBlob, read_blob
from chalicelib.blobs.models import CreateBlobRequest
from chalicelib.buckets.bucket import Bucket
from chalicelib.core.errors import NotEnabled
from chalicelib.objects.fields import check_names, new_values, with_blob_metadata
from chalicelib.objects.identity import content_hash, read_unique_key
from chalicelib.objects.models import CreateObjectRequest
from chalicelib.objects.stored_object import StoredObject


@dataclass(frozen=True, slots=True)
class NewObject:
    """A new object as it was requested.

    `values` has the fields without the defaults of the schema; `explicit` has the names of those that do not come
    from the metadata of files. `unique_key` has the values of the unique key, and is empty if the bucket has none.
    """

    values: Mapping[str, Any]
    explicit: frozenset[str]
    blobs: tuple[NewBlob, ...]
    unique_key: Mapping[str, Any]
    key_prefix: str | None
    edges: list[dict[str, Any]] | None
    idempotency_key: str | None
    skip_duplicates: bool

    @property
    def content_hash(self) -> str | None:
        """The hash over all files; None if the content of any is unknown."""
        return content_hash((blob.property, blob.sha256) for blob in self.blobs)

    @property
    def size_bytes(self) -> int:
        """The total size of the files in bytes. A file of unknown size counts as 0."""
        return sum(blob.size_bytes or 0 for blob in self.blobs)

    @property
    def has_bytes(self) -> bool:
        """Whether any file must be stored in S3."""
        return any(blob.content is not None for blob in self.blobs)


def read_new(request: CreateObjectRequest, bucket: Bucket) -> NewObject:
    """The new object in a request. Raises RequestInvalid, NotEnabled."""
    sent = request.model_extra or {}
    check_names(sent, bucket.schema)
    if request.force_remirror:
        raise NotEnabled("force_remirror is not enabled here", details={"field": "force_remirror"})
    blobs = read_blobs(request.blobs or (), bucket)
    values = with_blob_metadata(sent, [blob.metadata for blob in blobs])
    return NewObject(
        values=values,
        explicit=frozenset(sent),
        blobs=blobs,
        unique_key=read_unique_key(key_fields(bucket), values, bucket.schema),
        key_prefix=request.key_prefix,
        edges=[edge.model_dump(exclude_unset=True) for edge in request.edges] if request.edges is not None else None,
        idempotency_key=request.idempotency_key,
        skip_duplicates=bool(request.skip_duplicates),
    )


def read_blobs(given: Iterable[CreateBlobRequest], bucket: Bucket) -> tuple[NewBlob, ...]:
    """The files in a request. Raises RequestInvalid, NotEnabled."""
    return tuple(read_blob(blob, bucket.schema, location=("body", "blobs", index)) for index, blob in enumerate(given))


def key_fields(bucket: Bucket) -> list[str]:
    """The names of the fields of the bucket's unique key; empty if it has none."""
    unique_key = bucket.settings.unique_key
    return unique_key["fields"] if unique_key else []


def complete_values(new: NewObject, bucket: Bucket) -> dict[str, Any]:
    """The fields of the object with the defaults of the schema. Raises RequestInvalid if they do not conform to it."""
    return new_values(new.values, {blob.property for blob in new.blobs}, bucket.schema, key=new.unique_key)


def stored_object(
    new: NewObject,
    bucket: Bucket,
    *,
    partition: str,
    object_id: str,
    values: Mapping[str, Any],
    blobs: tuple[Blob, ...],
    now: str,
    mark: str,
) -> StoredObject:
    """The new object, ready to be stored."""
    return StoredObject(
        partition=partition,
        bucket_id=bucket.bucket_id,
        object_id=object_id,
        values=values,
        blobs=blobs,
        created_at=now,
        updated_at=now,
        schema_version=bucket.schema_version,
        epoch=bucket.tally.epoch,
        mark=mark,
        key_prefix=new.key_prefix,
        edges=new.edges,
        idempotency_key=new.idempotency_key,
        content_hash=new.content_hash,
    )
