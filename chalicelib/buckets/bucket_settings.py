"""Computes the settings of a new or changed bucket, as they are stored, and checks the rules that models cannot.

Pydantic has already validated the request by the models in `models.py`. The functions are pure, except that building
a source adapter reads other buckets.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
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
from chalicelib.core.errors import NotEnabled, Problem
from chalicelib.core.json_codec import Document
from chalicelib.core.json_equality import json_equal
from chalicelib.schemas.compatibility import breaking_changes, unique_key_breaks
from chalicelib.schemas.models import BucketSchema
from chalicelib.schemas.rules import check_schema
from chalicelib.schemas.unique_key import check_unique_key, check_unique_key_change, check_unique_key_fits

BucketChange = BucketPatchRequest | BucketUpdateRequest


@dataclass(frozen=True, slots=True)
class ChangeResult:
    """A bucket after a change.

    `breaks` are the schema changes that break stored objects. `key_breaks` are those among them that concern the
    unique key, which `force_schema_break` does not allow.
    """

    bucket: Bucket
    breaks: list[Problem]
    key_breaks: list[Problem]


def new_settings(new: BucketCreateRequest, adapters: AdapterBuilder) -> dict[str, Any]:
    """Returns the settings of a new bucket. Raises RequestInvalid, NotEnabled and AdapterCycle."""
    _check_enabled(new)
    schema = check_schema(new.bucket_schema)
    return {
        "description": new.description,
        "bucket_schema": schema,
        "unique_key": check_unique_key(new.unique_key, schema) if new.unique_key else None,
        "metadata": new.metadata or {},
        "storage_class": new.storage_class,
        "source_adapter": adapters.build(new.source_adapter, None, schema) if new.source_adapter else None,
    }


def changed(bucket: Bucket, change: BucketChange, adapters: AdapterBuilder) -> ChangeResult:
    """Returns the bucket after a change, and the schema changes that break stored objects.

    Keys that the request does not contain stay unchanged, as do name, schema and unique key if they are null.
    Raises RequestInvalid, NotEnabled and AdapterCycle.
    """
    _check_enabled(change)
    settings = Document(bucket.settings)
    present = change.model_fields_set
    for name in present & {"description", "storage_class"}:
        settings[name] = getattr(change, name)
    if "metadata" in present:
        settings["metadata"] = change.metadata or {}
    if change.unique_key is not None:
        settings["unique_key"] = check_unique_key_change(settings["unique_key"], change.unique_key)
    if change.bucket_schema is not None:
        _change_schema(settings, change.bucket_schema)
    _change_adapter(settings, change, adapters)
    schema, key = settings["bucket_schema"], (settings["unique_key"] or {}).get("fields", [])
    new = replace(
        bucket,
        name=change.bucket_name or bucket.name,
        settings=settings,
        schema_version=bucket.schema_version + (not json_equal(schema, bucket.schema)),
    )
    return ChangeResult(new, breaking_changes(bucket.schema, schema), unique_key_breaks(bucket.schema, schema, key))


def _change_schema(settings: dict[str, Any], schema: BucketSchema) -> None:
    settings["bucket_schema"] = check_schema(schema)
    if settings["unique_key"]:
        check_unique_key_fits(settings["unique_key"], settings["bucket_schema"])


def _change_adapter(settings: dict[str, Any], change: BucketChange, adapters: AdapterBuilder) -> None:
    stored, schema = settings["source_adapter"], settings["bucket_schema"]
    if isinstance(change, BucketPatchRequest) and "source_adapter" in change.model_fields_set:
        config = change.source_adapter
        settings["source_adapter"] = adapters.build(config, stored, schema) if config else None
    elif stored is not None and change.bucket_schema is not None:
        check_adapter_fits(stored, schema)


def _check_enabled(request: BucketCreateRequest | BucketChange) -> None:
    for name in NOT_ENABLED:
        if getattr(request, name) is not None:
            raise NotEnabled(f"{name} is not enabled here", details={"field": name})
