"""An object after a change, or the reason why not. No store, no clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from chalicelib.blobs.blob import Blob
from chalicelib.blobs.content import NewBlob
from chalicelib.blobs.writer import BlobWriter
from chalicelib.buckets.bucket import Bucket
from chalicelib.objects.fields import changed_values, check_names, fits, merged_metadata, promoted
from chalicelib.objects.identity import content_hash
from chalicelib.objects.models import PatchObjectRequest, UpdateObjectRequest
from chalicelib.objects.new_object import NewObject, key_fields, read_blobs
from chalicelib.objects.stored_object import PENDING, StoredObject

ObjectChange = PatchObjectRequest | UpdateObjectRequest


def changed(
    old: StoredObject, change: ObjectChange, bucket: Bucket, new: Sequence[NewBlob], stored: Sequence[Blob]
) -> StoredObject:
    """The object after a PUT or a PATCH, whose `new` blobs are held already or became the `stored` ones.

    Only what the request holds changes. Raises RequestInvalid, UniqueKeyChange.
    """
    sent: dict[str, Any] = dict(change.model_extra or {})
    check_names(sent, bucket.schema)
    if isinstance(change, UpdateObjectRequest):
        from_metadata = merged_metadata(old.values, change.metadata)
        check_names(from_metadata, bucket.schema)
        risen = [{n: v for n, v in blob.metadata.items() if n not in old.values} for blob in new]
        sent = promoted({**from_metadata, **sent}, risen)
    prefix = change.key_prefix if "key_prefix" in change.model_fields_set else old.key_prefix
    kept = [blob for blob in old.blobs if change.skip_duplicates and known_content(blob) in _contents(new)]
    blobs = _replaced(old, {blob.property for blob in new}, (*kept, *stored))
    filled = {blob.property for blob in blobs} | {blob.property for blob in new}
    return _revised(replace(old, key_prefix=prefix, blobs=blobs), sent, filled, bucket)


def overwritten(old: StoredObject, new: NewObject, bucket: Bucket, stored: Sequence[Blob]) -> StoredObject:
    """The object after a create request that updates it: it is as good as new, so it is PENDING again.

    What is not sent stays. Raises RequestInvalid.
    """
    blobs = _replaced(old, {blob.property for blob in stored}, stored)
    renewed = replace(
        old,
        key_prefix=old.key_prefix if new.key_prefix is None else new.key_prefix,
        edges=old.edges if new.edges is None else new.edges,
        idempotency_key=new.idempotency_key or old.idempotency_key,
        status=PENDING,
        error=None,
        blobs=blobs,
    )
    # An explicit field wins over the metadata of a blob, whenever it was given.
    sent = {n: v for n, v in new.values.items() if n in new.explicit or n not in old.values}
    return _revised(renewed, sent, {blob.property for blob in blobs}, bucket)


def to_store(old: StoredObject, new: Sequence[NewBlob], *, skip_duplicates: bool) -> list[NewBlob]:
    """The blobs of a change that are to be stored: with `skip_duplicates` none that the object already holds."""
    held = {known_content(blob) for blob in old.blobs}
    return [b for b in new if not (skip_duplicates and b.sha256 and (b.property, b.sha256) in held)]


def known_content(blob: Blob) -> tuple[str, str | None]:
    """Where a stored blob belongs, and the SHA-256 of its content where that is known."""
    return blob.property, blob.sha256


def _contents(new: Sequence[NewBlob]) -> set[tuple[str, str | None]]:
    return {(blob.property, blob.sha256) for blob in new if blob.sha256}


def _replaced(old: StoredObject, properties: set[str], blobs: Sequence[Blob]) -> tuple[Blob, ...]:
    return (*(blob for blob in old.blobs if blob.property not in properties), *blobs)


def _revised(old: StoredObject, sent: Mapping[str, Any], filled: set[str], bucket: Bucket) -> StoredObject:
    key = key_fields(bucket)
    values = changed_values(old.values, sent, filled, bucket.schema, key=key)
    return replace(
        old,
        values=values,
        content_hash=content_hash(map(known_content, old.blobs)),
        # It is said of the whole object, and only what was sent has been checked.
        schema_version=bucket.schema_version if fits(values, filled, bucket.schema, key=key) else old.schema_version,
    )


@dataclass(slots=True)
class Changing:
    """A PUT or a PATCH on an object of this bucket. Making it reads the blobs: RequestInvalid, NotEnabled."""

    bucket: Bucket
    change: ObjectChange
    deposit: BlobWriter
    new: tuple[NewBlob, ...] = field(init=False)

    def __post_init__(self) -> None:
        given = self.change.blobs if isinstance(self.change, UpdateObjectRequest) else None
        self.new = read_blobs(given or (), self.bucket)

    def revised(self, old: StoredObject) -> StoredObject:
        """The object after the change, its bytes stored. Raises RequestInvalid, UniqueKeyChange."""
        wanted = to_store(old, self.new, skip_duplicates=bool(self.change.skip_duplicates))
        if wanted:  # no bytes move for a change that is refused
            changed(old, self.change, self.bucket, self.new, ())
        stored = self.deposit.store(wanted, old.object_id)
        return changed(old, self.change, self.bucket, self.new, stored)
