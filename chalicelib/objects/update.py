"""Computes an object after an update. Uses neither the store nor a clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from chalicelib.blobs.blob import Blob
from chalicelib.blobs.content import NewBlob
from chalicelib.blobs.writer import BlobWriter
from chalicelib.buckets.bucket import Bucket
from chalicelib.objects.fields import changed_values, check_names, is_valid, merged_metadata, with_blob_metadata
from chalicelib.objects.identity import content_hash
from chalicelib.objects.models import PatchObjectRequest, UpdateObjectRequest
from chalicelib.objects.nested_fields import nested_fields
from chalicelib.objects.new_object import NewObject, key_fields, read_blobs
from chalicelib.objects.stored_object import PENDING, StoredObject

ObjectChange = PatchObjectRequest | UpdateObjectRequest


def apply_change(
    old: StoredObject, change: ObjectChange, bucket: Bucket, new: Sequence[NewBlob], stored: Sequence[Blob]
) -> StoredObject:
    """The object after a PUT or a PATCH. Only what the request contains changes.

    `new` are the files in the request, and `stored` are the blobs of the files that were stored. With
    `skip_duplicates`, files that the object already has are not stored again. Raises RequestInvalid, UniqueKeyChange.
    """
    sent: dict[str, Any] = dict(change.model_extra or {})
    check_names(sent, bucket.schema)
    if isinstance(change, UpdateObjectRequest):
        from_metadata = merged_metadata(old.values, change.metadata)
        check_names(from_metadata, bucket.schema)
        sent = with_blob_metadata({**from_metadata, **sent}, [_new_names(blob.metadata, old, bucket) for blob in new])
    prefix = change.key_prefix if "key_prefix" in change.model_fields_set else old.key_prefix
    kept = [blob for blob in old.blobs if change.skip_duplicates and property_and_hash(blob) in _contents(new)]
    blobs = _replace_blobs(old, {blob.property for blob in new}, (*kept, *stored))
    filled = {blob.property for blob in blobs} | {blob.property for blob in new}
    return _with_fields(replace(old, key_prefix=prefix, blobs=blobs), sent, filled, bucket)


def overwrite(old: StoredObject, new: NewObject, bucket: Bucket, stored: Sequence[Blob]) -> StoredObject:
    """The object after a create request with the policy update or upsert. Its status is PENDING again.

    Fields and files that are not in the request do not change. Raises RequestInvalid.
    """
    blobs = _replace_blobs(old, {blob.property for blob in stored}, stored)
    updated = replace(
        old,
        key_prefix=old.key_prefix if new.key_prefix is None else new.key_prefix,
        edges=old.edges if new.edges is None else new.edges,
        idempotency_key=new.idempotency_key or old.idempotency_key,
        status=PENDING,
        error=None,
        blobs=blobs,
    )
    explicit = {name: value for name, value in new.values.items() if name in new.explicit}
    sent = {**_new_names(new.values, old, bucket), **explicit}
    return _with_fields(updated, sent, {blob.property for blob in blobs}, bucket)


def blobs_to_store(old: StoredObject, new: Sequence[NewBlob], *, skip_duplicates: bool) -> list[NewBlob]:
    """The files of a request that must be stored: with `skip_duplicates`, only those that the object does not have."""
    existing = {property_and_hash(blob) for blob in old.blobs}
    return [b for b in new if not (skip_duplicates and b.sha256 and (b.property, b.sha256) in existing)]


def property_and_hash(blob: Blob) -> tuple[str, str | None]:
    """The schema field of a blob, and the SHA-256 of its content if it is known."""
    return blob.property, blob.sha256


def _new_names(metadata: Mapping[str, Any], old: StoredObject, bucket: Bucket) -> dict[str, Any]:
    """The fields that a blob's metadata may set: it never replaces a field of the object.

    A declared field may be in the object's own `metadata`. The values of the unique key are set: they are the same.
    """
    nested = nested_fields(old.values, bucket.schema["properties"].keys() - key_fields(bucket))
    return {name: value for name, value in metadata.items() if name not in old.values and name not in nested}


def _contents(new: Sequence[NewBlob]) -> set[tuple[str, str | None]]:
    return {(blob.property, blob.sha256) for blob in new if blob.sha256}


def _replace_blobs(old: StoredObject, properties: set[str], blobs: Sequence[Blob]) -> tuple[Blob, ...]:
    return (*(blob for blob in old.blobs if blob.property not in properties), *blobs)


def _with_fields(old: StoredObject, sent: Mapping[str, Any], filled: set[str], bucket: Bucket) -> StoredObject:
    key = key_fields(bucket)
    values = changed_values(old.values, sent, filled, bucket.schema, key=key)
    return replace(
        old,
        values=values,
        content_hash=content_hash(map(property_and_hash, old.blobs)),
        # The version applies to all fields, and only those in the request were checked.
        schema_version=bucket.schema_version
        if is_valid(values, filled, bucket.schema, key=key)
        else old.schema_version,
    )


@dataclass(slots=True)
class ObjectUpdate:
    """A PUT or a PATCH of an object in this bucket.

    The constructor reads the files in the request, and raises RequestInvalid or NotEnabled.
    """

    bucket: Bucket
    change: ObjectChange
    writer: BlobWriter
    new: tuple[NewBlob, ...] = field(init=False)

    def __post_init__(self) -> None:
        given = self.change.blobs if isinstance(self.change, UpdateObjectRequest) else None
        self.new = read_blobs(given or (), self.bucket)

    def apply(self, old: StoredObject) -> StoredObject:
        """Stores the files and returns the object after the update. Raises RequestInvalid, UniqueKeyChange."""
        wanted = blobs_to_store(old, self.new, skip_duplicates=bool(self.change.skip_duplicates))
        if wanted:  # check the update first, so that an invalid one stores no files
            apply_change(old, self.change, self.bucket, self.new, ())
        stored = self.writer.store(wanted, old.object_id)
        return apply_change(old, self.change, self.bucket, self.new, stored)
