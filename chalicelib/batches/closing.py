"""Ends batches: after their last chunk, after too many failures, or when they are canceled."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from chalicelib.aws.dynamodb.optimistic_lock import retry_on_conflict
from chalicelib.batches.batch import (
    CANCELED,
    COMPLETED,
    COMPLETED_WITH_ERRORS,
    DRAFT,
    FAILED,
    IN_PROGRESS,
    WEBHOOK_PENDING,
    Batch,
    Webhook,
    next_revision,
)
from chalicelib.batches.chunk_store import ChunkStore
from chalicelib.batches.errors import BatchEnded, BatchNotFound
from chalicelib.batches.progress import shown
from chalicelib.batches.store import BatchStore
from chalicelib.batches.totals import ItemTotals, to_document, total_of
from chalicelib.core.clock import Clock, format_timestamp
from chalicelib.core.statuses import TaskStatusEnum
from chalicelib.tasks.service import Tasks
from chalicelib.tasks.task import NewTask
from chalicelib.tasks.task_types import BATCH_PROCESSING


def new_task(tasks: Tasks, batch: Batch) -> NewTask:
    """Returns the task of a run of a batch, which is not stored yet."""
    about = {
        "batch_id": batch.batch_id,
        "bucket_id": batch.bucket_id,
        "namespace_id": batch.namespace_id,
        "object_count": batch.object_count,
        "total_tiers": 1,
        "current_tier": 0,
        "collection_ids": [],
        "sample_object_ids": list(batch.sample_ids),
    }
    return tasks.new(batch.organization, BATCH_PROCESSING, inputs=[batch.batch_id], about=about, cancellable=True)


@dataclass(frozen=True, slots=True)
class Closing:
    """Ends batches. The row of the batch, that of its task, and the count of active batches change together."""

    batches: BatchStore
    chunks: ChunkStore
    tasks: Tasks
    clock: Clock
    pause: Callable[[float], None] = field(default=time.sleep)

    def close_if_done(self, batch: Batch) -> None:
        """Ends the batch if its run has finished every chunk. May be repeated."""

        def attempt() -> None:
            current = self.batches.find(batch.rows, batch.batch_id)
            if current is None or not _is_done(current, batch.epoch):
                return
            counts = self._count(current)
            reason = _too_many_failures(current, counts)
            status = FAILED if reason else _status(counts)
            self._end(current, status, reason=reason, totals=counts, is_done=True)

        if _is_done(batch, batch.epoch):
            retry_on_conflict(attempt, self.pause)

    def stop_if_intolerable(self, batch: Batch) -> bool:
        """Ends a batch in progress as FAILED if too many of its objects have failed. Returns whether it did."""
        if batch.tolerated_failure_percentage is None:
            return False
        found = self.batches.find_with_tally(batch.rows, batch.batch_id)
        if found is None:
            return False
        reason = _too_many_failures(batch, shown(found.tally, batch.counts_from))
        if reason is None:
            return False

        def attempt() -> None:
            current = self.batches.find(batch.rows, batch.batch_id)
            if current is not None and current.status == IN_PROGRESS and current.epoch == batch.epoch:
                self._end(current, FAILED, reason=reason)

        retry_on_conflict(attempt, self.pause)
        return True

    def cancel(self, find: Callable[[], Batch], reason: str | None) -> Batch:
        """Cancels a batch that has not ended, and returns it. Raises BatchEnded and the errors of `find`."""

        def attempt() -> Batch:
            batch = find()
            if batch.has_ended:
                raise BatchEnded(batch.status)
            if batch.status == DRAFT:
                return self._cancel_draft(batch, reason)
            return self._end(batch, CANCELED, reason=reason)

        return retry_on_conflict(attempt, self.pause)

    def cancel_run(self, rows: str, batch_id: str, task_id: str | None, reason: str) -> None:
        """Cancels the run of a batch that has this task. Does nothing if that run has ended."""

        def find() -> Batch:
            batch = self.batches.find(rows, batch_id)
            if batch is None or batch.task_id != task_id:
                raise BatchNotFound(batch_id)
            return batch

        with suppress(BatchEnded, BatchNotFound):
            self.cancel(find, reason)

    def _cancel_draft(self, batch: Batch, reason: str | None) -> Batch:
        task = new_task(self.tasks, batch)
        now = format_timestamp(self.clock())
        canceled = next_revision(batch, now, status=CANCELED, ended_at=now, reason=reason, task_id=task.task_id)
        self.batches.replace(batch, canceled, self.tasks.ended_step(task, CANCELED))
        return canceled

    def _end(
        self,
        batch: Batch,
        status: TaskStatusEnum,
        *,
        reason: str | None,
        totals: ItemTotals | None = None,
        is_done: bool = False,
    ) -> Batch:
        now = format_timestamp(self.clock())
        ended = next_revision(
            batch,
            now,
            status=status,
            ended_at=now,
            reason=reason,
            totals=to_document(totals) if totals is not None else None,
            webhook=_due(batch.webhook, now),
        )
        assert batch.task_id is not None, "a submitted batch has a task"
        outputs = [_output(ended, totals)]
        end_task = self.tasks.end_step(batch.organization, batch.task_id, status, outputs, error=_task_error(ended))
        self.batches.end(batch, ended, *end_task, is_done=is_done)
        return ended

    def _count(self, batch: Batch) -> ItemTotals:
        return total_of(chunk.outcomes for chunk in self.chunks.walk(batch.rows, batch.batch_id))


def _is_done(batch: Batch, epoch: int) -> bool:
    is_running = batch.status == IN_PROGRESS and batch.epoch == epoch
    return is_running and len(batch.done) == batch.chunk_count


def _status(counts: ItemTotals) -> TaskStatusEnum:
    """Returns the status of a batch whose objects all have an outcome."""
    if not counts.failed:
        return COMPLETED
    return FAILED if counts.failed == counts.processed else COMPLETED_WITH_ERRORS


def _too_many_failures(batch: Batch, counts: ItemTotals) -> str | None:
    """Returns why the batch fails, if more than the tolerated percentage of its objects have failed."""
    tolerated = batch.tolerated_failure_percentage
    if tolerated is None or 100 * counts.failed <= tolerated * batch.object_count:
        return None
    return f"{counts.failed} of {batch.object_count} objects failed; {tolerated:g} % are tolerated"


def _task_error(batch: Batch) -> str | None:
    """Returns the error of the task of a batch that has ended."""
    return (batch.reason or "All objects failed") if batch.status == FAILED else None


def _due(webhook: Webhook | None, now: str) -> Webhook | None:
    if webhook is None:
        return None
    return replace(webhook, state=WEBHOOK_PENDING, attempts=0, last_error=None, next_attempt_at=now, ended_at=now)


def _output(batch: Batch, totals: ItemTotals | None) -> dict[str, Any]:
    counts = (
        {} if totals is None else {"completed": totals.completed, "failed": totals.failed, "skipped": totals.skipped}
    )
    return {"batch_id": batch.batch_id, "status": batch.status.value, **counts}
