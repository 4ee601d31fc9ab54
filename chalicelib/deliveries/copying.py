"""Decides which object an object of a source bucket becomes. Pure functions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from chalicelib.adapters.errors import Unmappable
from chalicelib.adapters.paths import MISSING, find
from chalicelib.adapters.payload_values import Steps, check_value
from chalicelib.blobs.copying import copied_blob
from chalicelib.objects.nested_fields import field_value
from chalicelib.objects.new_object import NewObject, new_from_adapter
from chalicelib.schemas.values import FILE_TYPES, problems_besides_enum

if TYPE_CHECKING:
    from chalicelib.blobs.content import NewBlob
    from chalicelib.buckets.bucket import Bucket
    from chalicelib.objects.stored_object import StoredObject

KEY_PREFIX = "fanin:"


def new_copy(source: StoredObject, source_bucket: Bucket, bucket: Bucket) -> NewObject:
    """Returns the new object of `bucket` that an object of `source_bucket` becomes.

    `bucket` has an adapter of type `bucket`. With a unique key, it identifies the object; otherwise the id of the
    source object does. Raises Unmappable, RequestInvalid.
    """
    adapter = bucket.settings.source_adapter
    assert adapter is not None, "the caller has checked that there is an adapter"
    mapping = adapter.get("field_mapping")
    fields = _mapped(source, mapping) if mapping else _same_fields(source, source_bucket, bucket)
    key = None if bucket.settings.unique_key else f"{KEY_PREFIX}{source.object_id}"
    new = new_from_adapter(fields, {}, bucket, idempotency_key=key)
    blobs = tuple(_files(source, adapter.get("blob_source"), bucket))
    return replace(new, blobs=blobs, source_bucket_id=source_bucket.bucket_id)


def _mapped(source: StoredObject, mapping: Mapping[str, str]) -> dict[str, Any]:
    """Returns the fields at the paths of the adapter. The first path to a field that is not missing counts."""
    steps = Steps()
    fields: dict[str, Any] = {}
    for path, name in mapping.items():
        if name not in fields and (value := find(source.values, path, steps)) is not MISSING:
            check_value(value, path, steps)
            fields[name] = value
    return fields


def _same_fields(source: StoredObject, source_bucket: Bucket, bucket: Bucket) -> dict[str, Any]:
    """Returns the fields of the bucket's schema that the source object has under the same name and of the same type.

    A field that the schema of the source does not declare has the type of its value.
    """
    declared = source_bucket.schema["properties"]
    fields = {}
    for name, field in bucket.schema["properties"].items():
        value = field_value(source.values, name)
        if field["type"] in FILE_TYPES or value is None:
            continue
        if name in declared:
            is_same = declared[name]["type"] == field["type"]
        else:
            is_same = next(iter(problems_besides_enum(value, field, (name,))), None) is None
        if is_same:
            fields[name] = value
    return fields


def _files(source: StoredObject, blob_source: Mapping[str, str] | None, bucket: Bucket) -> Iterator[NewBlob]:
    """Yields the files: those of the field that the adapter names, or those of equal fields. Raises Unmappable."""
    if blob_source is None:
        declared = bucket.schema["properties"]
        for blob in source.blobs:
            if blob.property in declared and declared[blob.property]["type"] == blob.type:
                yield copied_blob(blob.property, blob)
        return
    for blob in source.blobs:
        if blob.property != blob_source["file_field"]:
            continue
        if blob.type != blob_source["blob_type"]:
            message = f"The file in {blob.property!r} is of type {blob.type}, not {blob_source['blob_type']}"
            raise Unmappable(message)
        yield copied_blob(blob_source["target_property"], blob)
