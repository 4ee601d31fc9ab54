"""What the notification of the end of a batch, and the event about it, have in common."""

from __future__ import annotations

from typing import Any

from chalicelib.batches.batch import CANCELED, FAILED, Batch
from chalicelib.batches.totals import from_document
from chalicelib.batches.views import progress_of


def end_type(batch: Batch) -> str:
    """Returns the type of the notification and of the event about a batch that has ended."""
    if batch.status == CANCELED:
        return "batch.canceled"
    return "batch.failed" if batch.status == FAILED else "batch.completed"


def end_of(batch: Batch) -> dict[str, Any]:
    """Returns how a batch has ended."""
    totals = from_document(batch.totals or {})
    return {
        "batch_id": batch.batch_id,
        "bucket_id": batch.bucket_id,
        "namespace_id": batch.namespace_id,
        "status": batch.status.value,
        "failure_reason": batch.reason if batch.status == FAILED else None,
        "documents_written": totals.completed,
        "progress": progress_of(batch, totals, batch.ended_at, batch.ended_at),
        "completed_at": batch.ended_at,
    }
