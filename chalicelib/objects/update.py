"""Computes an object after an update. Uses neither the store nor a clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from chalicelib.blobs.blob import Blob
from chalicelib.blobs.content import FindUpload, NewBlob
from chalicelib.blobs.writer import BlobWriter
from chalicelib.buckets.bucket import Bucket
from chalicelib.objects.fields import check_names, merged_metadata, with_blob_metadata
from chalicelib.objects.mirroring import without_open_wish, without_replaced_failure
from chalicelib.objects.models import PatchObjectRequest, UpdateObjectRequest
from chalicelib.objects.new_object import read_blobs
from chalicelib.objects.overwrite import new_names, property_and_hash, replace_blobs, with_fields
from chalicelib.objects.stored_object import StoredObject

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
        sent = with_blob_metadata({**from_metadata, **sent}, [new_names(blob.metadata, old, bucket) for blob in new])
    prefix = change.key_prefix if "key_prefix" in change.model_fields_set else old.key_prefix
    same = _contents(new) if change.skip_duplicates else ()
    kept = [without_open_wish(blob) for blob in old.blobs if property_and_hash(blob) in same]
    blobs = replace_blobs(old, {blob.property for blob in new}, (*kept, *stored))
    filled = {blob.property for blob in blobs} | {blob.property for blob in new}
    changed = with_fields(replace(old, key_prefix=prefix, blobs=blobs), sent, filled, bucket)
    return without_replaced_failure(changed, (blob for blob in old.blobs if blob not in blobs))


def blobs_to_store(old: StoredObject, new: Sequence[NewBlob], *, skip_duplicates: bool) -> list[NewBlob]:
    """The files of a request that must be stored: with `skip_duplicates`, only those that the object does not have."""
    existing = {property_and_hash(blob) for blob in old.blobs}
    return [b for b in new if not (skip_duplicates and b.sha256 and (b.property, b.sha256) in existing)]


def _contents(new: Sequence[NewBlob]) -> set[tuple[str, str | None]]:
    return {(blob.property, blob.sha256) for blob in new if blob.sha256}


@dataclass(slots=True)
class ObjectUpdate:
    """A PUT or a PATCH of an object in this bucket.

    The constructor reads the files in the request, and raises RequestInvalid or an error of `find_upload`.
    """

    bucket: Bucket
    change: ObjectChange
    writer: BlobWriter
    find_upload: FindUpload
    new: tuple[NewBlob, ...] = field(init=False)

    def __post_init__(self) -> None:
        given = self.change.blobs if isinstance(self.change, UpdateObjectRequest) else None
        self.new = read_blobs(given or (), self.bucket, self.find_upload)

    def apply(self, old: StoredObject) -> StoredObject:
        """Stores the files and returns the object after the update. Raises RequestInvalid, UniqueKeyChange."""
        wanted = blobs_to_store(old, self.new, skip_duplicates=bool(self.change.skip_duplicates))
        if wanted:  # check the update first, so that an invalid one stores no files
            apply_change(old, self.change, self.bucket, self.new, ())
        stored = self.writer.store(wanted, old.object_id)
        return apply_change(old, self.change, self.bucket, self.new, stored)
