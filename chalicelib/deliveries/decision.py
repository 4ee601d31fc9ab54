"""Decides what a delivery does to its bucket. A pure function of the payload, the adapter and the schema.

Receiving, replay and forecast use it alike.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import field, replace
from typing import TYPE_CHECKING, Any

from chalicelib.adapters.mapping import Unmappable, event_type, idempotency_key, map_payload, unwanted_reason
from chalicelib.core.errors import RequestInvalid
from chalicelib.core.json_codec import check_json, to_json
from chalicelib.core.record import record
from chalicelib.deliveries.delivery import IGNORED, PARKED, State
from chalicelib.deliveries.payload import Payload

if TYPE_CHECKING:
    from chalicelib.schemas.unique_key import StoredUniqueKey

MAX_REASON_CHARS = 1000


@record
class Decision:
    """What a delivery does: creates or updates an object, or nothing, for the `reason`.

    `state` is IGNORED or PARKED if it does nothing, and None otherwise. `fields` are the fields of the object, and
    `files` the URLs of its files, by field.
    """

    event_type: str | None
    state: State | None = None
    reason: str | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    idempotency_key: str | None = None


def decide(
    payload: Payload, adapter: Mapping[str, Any], schema: Mapping[str, Any], unique_key: StoredUniqueKey | None
) -> Decision:
    """Returns what a delivery with this payload does to a bucket with this adapter, schema and unique key."""
    if payload.problem is not None:
        return Decision(None, PARKED, shortened(payload.problem))
    type_ = event_type(adapter["adapter_type"], payload.value)
    if (reason := unwanted_reason(adapter, payload.value)) is not None:
        return Decision(type_, IGNORED, shortened(reason))
    try:
        return replace(_applicable(payload, adapter, schema, unique_key), event_type=type_)
    except Unmappable as error:
        return Decision(type_, PARKED, shortened(error.reason))


def shortened(reason: str) -> str:
    """Returns a reason that is not too long for a row and a list."""
    return reason if len(reason) <= MAX_REASON_CHARS else f"{reason[: MAX_REASON_CHARS - 1]}…"


def _applicable(
    payload: Payload, adapter: Mapping[str, Any], schema: Mapping[str, Any], unique_key: StoredUniqueKey | None
) -> Decision:
    """Returns the decision to create or update the object of a wanted payload, without the event type.

    Raises Unmappable.
    """
    mapped = map_payload(adapter, payload.value, schema)
    _check_storable(mapped.fields)
    return Decision(
        None,
        fields=mapped.fields,
        files={mapped.blob["property"]: mapped.blob["data"]} if mapped.blob else {},
        idempotency_key=_idempotency_key(payload, adapter, unique_key),
    )


def _idempotency_key(payload: Payload, adapter: Mapping[str, Any], unique_key: StoredUniqueKey | None) -> str | None:
    # With a unique key, an object that exists is updated by each later event.
    if unique_key is not None and adapter.get("dedup_key") is None:
        return None
    return idempotency_key(adapter, payload.value, hashlib.sha256(payload.body).hexdigest())


def _check_storable(fields: Mapping[str, Any]) -> None:
    """Raises Unmappable for values that the body of a request could not have."""
    try:
        check_json(to_json(fields).encode())
    except RequestInvalid as error:
        raise Unmappable(error.problems[0].message) from error
    except ValueError as error:  # a number that JSON cannot express, or an unpaired surrogate
        raise Unmappable(f"A mapped value cannot be stored: {error}") from error
