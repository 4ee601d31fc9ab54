"""Batches in responses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from chalicelib.batches.batch import (
    CANCELED,
    COMPLETED,
    COMPLETED_WITH_ERRORS,
    DRAFT,
    FAILED,
    FORCE,
    IN_PROGRESS,
    PENDING,
    SKIP,
    Batch,
)
from chalicelib.batches.chunk_store import ItemFailure
from chalicelib.batches.progress import shown
from chalicelib.batches.totals import ItemTotals, from_document
from chalicelib.core.clock import format_timestamp, parse_timestamp
from chalicelib.core.statuses import TaskStatusEnum
from chalicelib.processing.processor import error_type

if TYPE_CHECKING:
    from chalicelib.batches.response_models import BatchResponse, BatchWebhook, FailedObject, Progress

# A batch without activity for this long is stalled. Longer than an object may take.
STALLED_AFTER = timedelta(minutes=5)
MAX_RETRIES = 3
LIFECYCLES: Mapping[TaskStatusEnum, str] = {
    DRAFT: "accepted",
    PENDING: "queued",
    IN_PROGRESS: "extracting",
    COMPLETED: "indexed",
    COMPLETED_WITH_ERRORS: "indexed",
    FAILED: "failed",
    CANCELED: "canceled",
}


def totals_of(batch: Batch, tally: Mapping[str, Any] | None) -> ItemTotals:
    """Returns the number of objects by outcome: the final one, or that of the statistics while the batch runs."""
    return from_document(batch.totals) if batch.totals is not None else shown(tally, batch.counts_from)


def last_activity(batch: Batch, tally: Mapping[str, Any] | None) -> str:
    """Returns when the batch last changed or an outcome was last counted."""
    counted_at = (tally or {}).get("updated_at") if batch.status == IN_PROGRESS else None
    return max(batch.updated_at, counted_at or "")


def show(
    batch: Batch,
    tally: Mapping[str, Any] | None,
    now: datetime,
    *,
    object_ids: Sequence[str] | None = None,
    failures: Sequence[ItemFailure] | None = None,
    sign: Callable[[str], str] | None = None,
) -> BatchResponse:
    """Returns the response for a batch.

    `object_ids` and `failures` are None if they were not read. `sign` makes download URLs of the batch's files.
    """
    totals, active_at = totals_of(batch, tally), last_activity(batch, tally)
    progress = progress_of(batch, totals, active_at, format_timestamp(now), failures)
    webhook = batch.webhook
    return {
        "batch_id": batch.batch_id,
        "bucket_id": batch.bucket_id,
        "namespace_id": batch.namespace_id,
        "batch_name": batch.name,
        "status": batch.status,
        "lifecycle": LIFECYCLES[batch.status],
        "lifecycle_reason": batch.reason,
        "object_ids": list(object_ids) if object_ids else None,
        "object_count": batch.object_count,
        "sample_object_ids": list(batch.sample_ids),
        "loaded_object_ids": None,
        "collection_ids": None,
        "dedup_strategy": batch.dedup_strategy or SKIP,
        "effective_dedup_strategy": _effective_strategy(batch),
        "type": "BUCKET",
        "metadata": dict(batch.metadata),
        "task_id": batch.task_id,
        "manifest_key": batch.manifest_key,
        "report_key": batch.report_key,
        "manifest_url": sign(batch.manifest_key) if sign and batch.manifest_key else None,
        "report_url": sign(batch.report_key) if sign and batch.report_key else None,
        "error": batch.reason if batch.status == FAILED else None,
        "failure_reason": _failure_reason(batch, totals),
        "failure_category": _failure_category(batch, totals),
        "error_summary": totals.by_category() or None,
        "failed_objects": [show_failure(each) for each in failures] if failures else None,
        "failed_object_count": totals.failed,
        "skipped_object_count": totals.skipped,
        "partial_objects": None,
        "partial_object_count": None,
        "unaccounted_object_count": None,
        "progress": progress,
        "tier_tasks": _tiers(batch, totals, active_at),
        "current_tier": 0 if batch.started_at else None,
        "total_tiers": 1,
        "dag_tiers": None,
        "retry_count": batch.retry_count,
        "max_retries": batch.max_retry_count or MAX_RETRIES,
        "node_death_resubmit_count": 0,
        "deploy_resubmit_count": 0,
        "max_node_death_resubmits": 0,
        "max_deploy_resubmits": 0,
        "documents_resolvable": batch.has_ended,
        "status_message": _message(batch, totals),
        "health": _health(batch, active_at, now),
        "tolerated_failure_percentage": batch.tolerated_failure_percentage,
        "webhook_url": webhook.url if webhook else None,
        "webhook": _show_webhook(batch),
        "created_at": batch.created_at,
        "updated_at": batch.updated_at,
        "started_at": batch.started_at,
        "completed_at": batch.ended_at,
        "last_activity_at": active_at if batch.started_at else None,
        "estimated_completion": _estimate(progress, now),
    }


def size(batch: Batch) -> int:
    """Returns the approximate size of the response for a batch without ids and failures, in bytes."""
    return 3_000 + 2 * len(str(batch.metadata))


def show_failure(failure: ItemFailure) -> FailedObject:
    """Returns the failure of an object."""
    return {
        "object_id": failure.object_id,
        "error": failure.error,
        "error_type": error_type(failure.category),
        "category": failure.category,
        "timestamp": failure.timestamp,
    }


def progress_of(
    batch: Batch,
    totals: ItemTotals,
    active_at: str | None,
    now: str | None,
    failures: Sequence[ItemFailure] | None = None,
) -> Progress | None:
    """Returns the progress of the current run, or None before it has started.

    The rate is that since the start of the run. A retry has none, because outcomes of earlier runs count.
    `active_at` is the time of the last counted outcome.
    """
    if batch.started_at is None:
        return None
    total, processed = batch.object_count, totals.processed
    end = batch.ended_at or active_at or now or batch.started_at
    seconds = (parse_timestamp(end) - parse_timestamp(batch.started_at)).total_seconds()
    rate = round(processed / seconds, 3) if seconds > 0 and processed and not batch.retry_count else None
    remaining = total - processed
    return {
        "processed": processed,
        "total": total,
        "percent": round(100 * processed / total, 1) if total else 0.0,
        "items_per_second": rate,
        "eta_seconds": round(remaining / rate, 1) if rate and not batch.has_ended else None,
        "errors": totals.failed,
        "first_error": failures[0].error if failures else None,
        "objects_skipped": totals.skipped,
    }


def _effective_strategy(batch: Batch) -> str | None:
    is_skip = batch.dedup_strategy in (None, SKIP)
    return FORCE if is_skip and not batch.skips_completed else None


def _failure_reason(batch: Batch, totals: ItemTotals) -> str | None:
    if batch.status != FAILED:
        return None
    return batch.reason or f"All {totals.failed} processed objects failed"


def _failure_category(batch: Batch, totals: ItemTotals) -> str | None:
    if batch.status != FAILED:
        return None
    categories = totals.by_category()
    most = max(categories, key=lambda name: categories[name], default="")
    return {"validation": "validation", "network": "infrastructure", "dependency": "infrastructure"}.get(
        most, "pipeline" if most else "unknown"
    )


def _tiers(batch: Batch, totals: ItemTotals, active_at: str) -> list[dict[str, Any]]:
    if batch.task_id is None:
        return []
    return [
        {
            "tier_num": 0,
            "source_type": "bucket",
            "task_id": batch.task_id,
            "status": batch.status.value,
            "started_at": batch.started_at,
            "completed_at": batch.ended_at,
            "duration_ms": _duration_ms(batch),
            "last_activity_at": active_at,
        }
    ]


def _duration_ms(batch: Batch) -> int | None:
    if batch.started_at is None or batch.ended_at is None:
        return None
    return int((parse_timestamp(batch.ended_at) - parse_timestamp(batch.started_at)).total_seconds() * 1000)


def _message(batch: Batch, totals: ItemTotals) -> str:
    total = batch.object_count
    counted = f"{totals.completed} completed, {totals.failed} failed, {totals.skipped} skipped"
    if batch.status == DRAFT:
        return f"Draft with {total} objects, not submitted"
    if batch.status == PENDING:
        return f"Waiting to start with {total} objects"
    if batch.status == IN_PROGRESS:
        return f"Processing {totals.processed} of {total} objects"
    if batch.status == CANCELED:
        return f"Canceled: {counted}, {max(0, total - totals.processed)} not processed"
    return f"Ended with {total} objects: {counted}"


def _health(batch: Batch, active_at: str, now: datetime) -> str | None:
    if batch.status != IN_PROGRESS:
        return None
    return "stalled" if now - parse_timestamp(active_at) > STALLED_AFTER else "healthy"


def _estimate(progress: Progress | None, now: datetime) -> str | None:
    if progress is None or progress["eta_seconds"] is None:
        return None
    return format_timestamp(now + timedelta(seconds=progress["eta_seconds"]))


def _show_webhook(batch: Batch) -> BatchWebhook | None:
    webhook = batch.webhook
    if webhook is None:
        return None
    return {
        "url": webhook.url,
        "status": webhook.state or "waiting",
        "attempts": webhook.attempts,
        "last_error": webhook.last_error,
        "next_attempt_at": webhook.next_attempt_at,
    }
