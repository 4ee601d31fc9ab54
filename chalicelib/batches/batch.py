"""A batch, and its row."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from chalicelib import keys
from chalicelib.batches.chunk import CHUNK_SIZE, Run
from chalicelib.core.json_codec import to_json
from chalicelib.core.statuses import TaskStatusEnum

DRAFT = TaskStatusEnum.DRAFT
PENDING = TaskStatusEnum.PENDING
IN_PROGRESS = TaskStatusEnum.IN_PROGRESS
COMPLETED = TaskStatusEnum.COMPLETED
COMPLETED_WITH_ERRORS = TaskStatusEnum.COMPLETED_WITH_ERRORS
FAILED = TaskStatusEnum.FAILED
CANCELED = TaskStatusEnum.CANCELED

# Statuses of a batch that is submitted and has not ended.
ACTIVE = (PENDING, IN_PROGRESS)
ENDED = (COMPLETED, COMPLETED_WITH_ERRORS, FAILED, CANCELED)
SKIP, FORCE = "skip", "force"
WEBHOOK_PENDING = "pending"
# How many ids the response of a submission shows.
SAMPLE_SIZE = 5
# The values that a batch has for these attributes until its run changes them.
NOT_RUN: Mapping[str, Any] = {
    "done": frozenset(),
    "manifest_key": None,
    "report_key": None,
    "started_at": None,
    "ended_at": None,
    "reason": None,
    "totals": None,
}


@dataclass(frozen=True, slots=True)
class Webhook:
    """The notification of the end of a batch: where to, and what has become of it.

    `state` is `pending`, `delivered` or `failed`; None before the batch has ended. `secret` signs it;
    in a stored batch it is in the form that `aws.vault` returns.
    """

    url: str
    secret: str | None = None
    state: str | None = None
    attempts: int = 0
    last_error: str | None = None
    next_attempt_at: str | None = None
    ended_at: str | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """A stored batch.

    `partition` is that of the namespace. `epoch` is the number of the current run, 0 before the first. `counts_from`,
    `retry_transient_only` and `max_retry_count` describe the run, see `chunk.Run`. `done` has the numbers of the
    chunks that the run has finished. `stats_epoch` is the epoch of the bucket's statistics that counts the batch.
    `totals` has the number of objects by outcome after the end of the batch. `is_removed` is
    true while its contents are being removed.
    """

    organization: str
    namespace_id: str
    bucket_id: str
    batch_id: str
    created_at: str
    updated_at: str
    status: TaskStatusEnum = DRAFT
    name: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    dedup_strategy: str | None = None
    object_count: int = 0
    chunk_count: int = 0
    sample_ids: tuple[str, ...] = ()
    revision: int = 1
    epoch: int = 0
    counts_from: int = 0
    retry_transient_only: bool = False
    max_retry_count: int = 0
    retry_count: int = 0
    done: frozenset[int] = frozenset()
    stats_epoch: int = 0
    task_id: str | None = None
    manifest_key: str | None = None
    report_key: str | None = None
    tolerated_failure_percentage: float | None = None
    started_at: str | None = None
    ended_at: str | None = None
    reason: str | None = None
    totals: Mapping[str, int] | None = None
    webhook: Webhook | None = None
    is_removed: bool = False

    @property
    def partition(self) -> str:
        """The partition of the batch's namespace."""
        return keys.partition(self.organization, self.namespace_id)

    @property
    def rows(self) -> str:
        """The partition key of the rows of the batch."""
        return keys.batches(self.partition, self.bucket_id)

    @property
    def is_active(self) -> bool:
        """Whether the batch is submitted and has not ended."""
        return self.status in ACTIVE

    @property
    def has_ended(self) -> bool:
        """Whether the batch is completed, failed or canceled."""
        return self.status in ENDED

    @property
    def skips_completed(self) -> bool:
        """Whether objects are skipped that were COMPLETED before the batch started. A resubmission skips none."""
        return self.dedup_strategy in (None, SKIP) and self.counts_from <= 1

    @property
    def run(self) -> Run:
        """The current run."""
        return Run(self.epoch, self.counts_from, self.retry_transient_only, self.max_retry_count)


def chunk_count(object_count: int) -> int:
    """Returns how many chunks this number of objects needs."""
    return -(-object_count // CHUNK_SIZE)


def is_full(chunk: Sequence[str]) -> bool:
    """Returns whether no object can be added to a chunk with these ids."""
    return len(chunk) >= CHUNK_SIZE


def to_item(batch: Batch) -> dict[str, Any]:
    """Returns the row of a batch."""
    return {
        **keys.batch(batch.rows, batch.batch_id),
        "organization": batch.organization,
        "namespace_id": batch.namespace_id,
        "bucket_id": batch.bucket_id,
        "batch_id": batch.batch_id,
        "created_at": batch.created_at,
        "updated_at": batch.updated_at,
        "status": batch.status.value,
        "batch_name": batch.name,
        "metadata": to_json(dict(batch.metadata)),
        "dedup_strategy": batch.dedup_strategy,
        "object_count": batch.object_count,
        "chunk_count": batch.chunk_count,
        "sample_ids": list(batch.sample_ids),
        "revision": batch.revision,
        "epoch": batch.epoch,
        "counts_from": batch.counts_from,
        "retry_transient_only": batch.retry_transient_only or None,
        "max_retry_count": batch.max_retry_count or None,
        "retry_count": batch.retry_count or None,
        "done": batch.done or None,
        "stats_epoch": batch.stats_epoch,
        "task_id": batch.task_id,
        "manifest_key": batch.manifest_key,
        "report_key": batch.report_key,
        "tolerated_failure_percentage": batch.tolerated_failure_percentage,
        "started_at": batch.started_at,
        "ended_at": batch.ended_at,
        "reason": batch.reason,
        "totals": dict(batch.totals) if batch.totals is not None else None,
        "webhook": _webhook_document(batch.webhook),
        "is_removed": batch.is_removed or None,
    }


def from_item(row: Mapping[str, Any]) -> Batch:
    """Returns the batch in a row."""
    return Batch(
        organization=row["organization"],
        namespace_id=row["namespace_id"],
        bucket_id=row["bucket_id"],
        batch_id=row["batch_id"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        status=TaskStatusEnum(row["status"]),
        name=row.get("batch_name"),
        metadata=json.loads(row["metadata"]),
        dedup_strategy=row.get("dedup_strategy"),
        object_count=row["object_count"],
        chunk_count=row["chunk_count"],
        sample_ids=tuple(row.get("sample_ids", ())),
        revision=row["revision"],
        epoch=row["epoch"],
        counts_from=row["counts_from"],
        retry_transient_only=row.get("retry_transient_only", False),
        max_retry_count=row.get("max_retry_count", 0),
        retry_count=row.get("retry_count", 0),
        done=row.get("done", frozenset()),
        stats_epoch=row["stats_epoch"],
        task_id=row.get("task_id"),
        manifest_key=row.get("manifest_key"),
        report_key=row.get("report_key"),
        tolerated_failure_percentage=row.get("tolerated_failure_percentage"),
        started_at=row.get("started_at"),
        ended_at=row.get("ended_at"),
        reason=row.get("reason"),
        totals=row.get("totals"),
        webhook=Webhook(**row["webhook"]) if "webhook" in row else None,
        is_removed=row.get("is_removed", False),
    )


def next_revision(batch: Batch, now: str, **changes: Any) -> Batch:
    """Returns the batch after a change, with the next revision."""
    return replace(batch, revision=batch.revision + 1, updated_at=now, **changes)


def _webhook_document(webhook: Webhook | None) -> dict[str, Any] | None:
    if webhook is None:
        return None
    values = {name: getattr(webhook, name) for name in Webhook.__slots__}
    return {name: value for name, value in values.items() if value is not None}
