"""The result of processing an object in a batch: its status, and the fields that the hook returned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from enum import Enum, auto
from typing import Any

from pydantic import ValidationError

from chalicelib.buckets.bucket import Bucket
from chalicelib.core.errors import invalid
from chalicelib.objects.models import PatchObjectRequest
from chalicelib.objects.stored_object import StoredObject, to_item
from chalicelib.objects.update import apply_change

COMPLETED, FAILED = "COMPLETED", "FAILED"


class ProcessingResult(Enum):
    """What happened to the result of processing an object.

    `FILE_REPLACED` says that no client has changed the object, but a stored file was replaced by a new copy of its URL,
    so the result belongs to a file that the object no longer has.
    """

    STORED = auto()
    FILE_REPLACED = auto()
    OBJECT_CHANGED = auto()
    OBJECT_DELETED = auto()


def completed(old: StoredObject, fields: Mapping[str, Any], bucket: Bucket) -> StoredObject:
    """Returns the object after successful processing. `fields` are merged into it as by a PATCH.

    Raises ApiError if a PATCH with these fields would be rejected.
    """
    merged = apply_change(old, _patch(fields), bucket, (), ()) if fields else old
    return replace(merged, status=COMPLETED, error=None)


def failed(old: StoredObject, error: str) -> StoredObject:
    """Returns the object after processing that failed."""
    return replace(old, status=FAILED, error=error)


def is_completed(stored: StoredObject) -> bool:
    """Returns whether the object has been processed successfully since its last create or upsert."""
    return stored.status == COMPLETED


def makes_no_difference(old: StoredObject, new: StoredObject) -> bool:
    """Returns whether both have the same row."""
    return to_item(old) == to_item(new)


def _patch(fields: Mapping[str, Any]) -> PatchObjectRequest:
    try:
        return PatchObjectRequest.model_validate(dict(fields))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise invalid("body", *first["loc"], message=first["msg"]) from error
