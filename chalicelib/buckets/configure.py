"""Computes the settings of a new or changed bucket, as they are stored, and checks the rules that models cannot.

Pydantic has already validated the request by the models in `models.py`. The functions are pure, except that building
a source adapter reads other buckets.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from chalicelib.adapters.rules import check_adapter_fits
from chalicelib.buckets.adapter_builder import AdapterBuilder
from chalicelib.buckets.bucket import Bucket
from chalicelib.buckets.models import (
    NOT_ENABLED,
    BucketCreateRequest,
    BucketPatchRequest,
    BucketUpdateRequest,
)
from chalicelib.buckets.settings import BucketSettings
from chalicelib.core.errors import NotEnabled, Problem
from chalicelib.core.json_equality import json_equal
from chalicelib.core.record import record
from chalicelib.schemas.compatibility import breaking_changes, unique_key_breaks
from chalicelib.schemas.models import BucketSchema
from chalicelib.schemas.rules import check_schema
from chalicelib.schemas.unique_key import (
    check_unique_key,
    check_unique_key_change,
    check_unique_key_fits,
)

BucketChange = BucketPatchRequest | BucketUpdateRequest


@record
class ChangeResult:
    """A bucket after a change.

    `breaks` are the schema changes that break stored objects. `key_breaks` are those among them that concern the
    unique key, which `force_schema_break` does not allow.
    """

    bucket: Bucket
    breaks: list[Problem]
    key_breaks: list[Problem]


def new_settings(new: BucketCreateRequest, adapters: AdapterBuilder) -> BucketSettings:
    """Returns the settings of a new bucket. Raises RequestInvalid, NotEnabled and AdapterCycle."""
    _check_enabled(new)
    schema = check_schema(new.bucket_schema)
    return BucketSettings(
        schema,
        description=new.description,
        unique_key=check_unique_key(new.unique_key, schema) if new.unique_key else None,
        metadata=new.metadata,
        storage_class=new.storage_class,
        source_adapter=adapters.build(new.source_adapter, None, schema) if new.source_adapter else None,
    )


def changed(bucket: Bucket, change: BucketChange, adapters: AdapterBuilder) -> ChangeResult:
    """Returns the bucket after a change, and the schema changes that break stored objects.

    Keys that the request does not contain stay unchanged, as do name, schema and unique key if they are null.
    Raises RequestInvalid, NotEnabled and AdapterCycle.
    """
    _check_enabled(change)
    old, present = bucket.settings, change.model_fields_set
    unique_key = old.unique_key
    if change.unique_key is not None:
        unique_key = check_unique_key_change(unique_key, change.unique_key)
    schema = old.schema if change.bucket_schema is None else _new_schema(change.bucket_schema, old)
    settings = BucketSettings(
        schema,
        description=change.description if "description" in present else old.description,
        unique_key=unique_key,
        metadata=change.metadata if "metadata" in present else old.metadata,
        storage_class=change.storage_class if "storage_class" in present else old.storage_class,
        source_adapter=_new_adapter(old.source_adapter, change, schema, adapters),
    )
    new = replace(
        bucket,
        name=change.bucket_name or bucket.name,
        settings=settings,
        schema_version=bucket.schema_version + (not json_equal(schema, old.schema)),
    )
    key = unique_key["fields"] if unique_key else []
    return ChangeResult(new, breaking_changes(old.schema, schema), unique_key_breaks(old.schema, schema, key))


def _new_schema(schema: BucketSchema, old: BucketSettings) -> dict[str, Any]:
    checked = check_schema(schema, existing=old.schema["properties"])
    if old.unique_key:
        check_unique_key_fits(old.unique_key, checked)
    return checked


def _new_adapter(
    stored: dict[str, Any] | None, change: BucketChange, schema: dict[str, Any], adapters: AdapterBuilder
) -> dict[str, Any] | None:
    if isinstance(change, BucketPatchRequest) and "source_adapter" in change.model_fields_set:
        return adapters.build(change.source_adapter, stored, schema) if change.source_adapter else None
    if stored is not None and change.bucket_schema is not None:
        check_adapter_fits(stored, schema)
    return stored


def _check_enabled(request: BucketCreateRequest | BucketChange) -> None:
    for name in NOT_ENABLED:
        if getattr(request, name) is not None:
            raise NotEnabled(f"{name} is not enabled here", details={"field": name})
