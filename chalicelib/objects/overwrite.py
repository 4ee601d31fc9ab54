"""Computes an object that a create request with the policy update or upsert overwrites.

It is separate from `update`, whose models take long to import.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from chalicelib.blobs.blob import Blob
from chalicelib.buckets.bucket import Bucket
from chalicelib.objects.fields import changed_values, is_valid
from chalicelib.objects.identity import content_hash
from chalicelib.objects.nested_fields import nested_fields
from chalicelib.objects.new_object import NewObject, key_fields
from chalicelib.objects.stored_object import PENDING, StoredObject


def overwrite(old: StoredObject, new: NewObject, bucket: Bucket, stored: Sequence[Blob]) -> StoredObject:
    """The object after a create request with the policy update or upsert.

    Its status is PENDING again, or FAILED if a file that remains could not be copied from its URL. Fields
    and files that are not in the request do not change. Raises RequestInvalid.
    """
    blobs = replace_blobs(old, {blob.property for blob in stored}, stored)
    updated = replace(
        old,
        key_prefix=old.key_prefix if new.key_prefix is None else new.key_prefix,
        edges=old.edges if new.edges is None else new.edges,
        idempotency_key=new.idempotency_key or old.idempotency_key,
        status=PENDING,
        error=None,
        blobs=blobs,
    )
    if any(blob.mirror is not None for blob in blobs):
        from chalicelib.objects.mirroring import with_failure_of_files

        updated = with_failure_of_files(updated)
    explicit = {name: value for name, value in new.values.items() if name in new.explicit}
    sent = {**new_names(new.values, old, bucket), **explicit}
    return with_fields(updated, sent, {blob.property for blob in blobs}, bucket)


def property_and_hash(blob: Blob) -> tuple[str, str | None]:
    """The schema field of a blob, and the SHA-256 of its content if it is known."""
    return blob.property, blob.sha256


def new_names(metadata: Mapping[str, Any], old: StoredObject, bucket: Bucket) -> dict[str, Any]:
    """The fields that a blob's metadata may set: it never replaces a field of the object.

    A declared field may be in the object's own `metadata`. The values of the unique key are set: they are the same.
    """
    nested = nested_fields(old.values, bucket.schema["properties"].keys() - key_fields(bucket))
    return {name: value for name, value in metadata.items() if name not in old.values and name not in nested}


def replace_blobs(old: StoredObject, properties: set[str], blobs: Sequence[Blob]) -> tuple[Blob, ...]:
    """The blobs of an object, with these in the place of those that belong to the same schema fields."""
    if any(blob.mirror is not None for blob in blobs):
        from chalicelib.objects.mirroring import with_stored_files

        blobs = tuple(with_stored_files(old.blobs, blobs))
    return (*(blob for blob in old.blobs if blob.property not in properties), *blobs)


def with_fields(old: StoredObject, sent: Mapping[str, Any], filled: set[str], bucket: Bucket) -> StoredObject:
    """The object with the fields that were sent. `filled` are the schema fields with a blob. Raises RequestInvalid."""
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
