"""The state of a source adapter, as clients see it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chalicelib.buckets.bucket import Bucket
from chalicelib.deliveries.adapter_state import AdapterState

if TYPE_CHECKING:
    from chalicelib.deliveries.response_models import AdapterStatistics, AdapterStatusResponse


def show_status(bucket: Bucket, state: AdapterState, now: str) -> AdapterStatusResponse:
    """Returns the state of the bucket's source adapter at the time `now`."""
    adapter: dict[str, Any] = bucket.settings.source_adapter or {}
    window = state.window
    return {
        "bucket_id": bucket.bucket_id,
        "configured": bool(adapter),
        "adapter_type": adapter.get("adapter_type"),
        "enabled": adapter.get("enabled", False),
        "webhook_url": adapter.get("webhook_url"),
        "batching": adapter.get("batching"),
        "stats": show_statistics(state),
        "last_event_at": state.last_event_at,
        "last_object_id": state.last_object_id,
        "last_error": state.last_error,
        "last_error_at": state.last_error_at,
        "open_batch_id": window.window_id if window else None,
        "open_batch_size": window.size if window else 0,
        "open_batch_closes_at": window.closes_at if window else None,
        "previous_secret_expires_at": previous_secret_end(adapter, now),
    }


def show_statistics(state: AdapterState) -> AdapterStatistics:
    """Returns the counters of an adapter."""
    totals = state.totals
    return {
        "events_received": totals.received,
        "events_accepted": totals.accepted,
        "events_duplicate": totals.duplicate,
        "events_ignored": totals.ignored,
        "events_rejected": totals.parked,
        "objects_created": totals.created,
        "batches_submitted": state.batches_submitted,
    }


def previous_secret_end(adapter: dict[str, Any], now: str) -> str | None:
    """Returns until when the secret before the last rotation is valid, or None if it is not valid at the time `now`."""
    end: str | None = adapter.get("previous_secret_expires_at")
    return end if end is not None and end >= now else None
