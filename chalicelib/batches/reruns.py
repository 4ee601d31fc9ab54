"""Runs a batch again after its end: the objects that failed (retry), or all of them (resubmission)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from chalicelib.aws.dynamodb.optimistic_lock import retry_on_conflict
from chalicelib.batches.batch import CANCELED, DRAFT, NOT_RUN, Batch, Webhook, next_revision
from chalicelib.batches.chunk import Chunk, Run, in_run
from chalicelib.batches.errors import BatchNotEnded, NothingToRetry
from chalicelib.batches.outcomes import FAILURES
from chalicelib.batches.service import Batches, Submission
from chalicelib.buckets.place import BucketPlace
from chalicelib.core.clock import format_timestamp
from chalicelib.tasks.task import NewTask


class Retry(NamedTuple):
    """The result of a retry. `task` is None if no object may be retried, and then nothing was started."""

    batch: Batch
    retried: int
    skipped: int
    task: NewTask | None


@dataclass(frozen=True, slots=True)
class Reruns:
    """Runs batches again."""

    batches: Batches

    def retry(self, place: BucketPlace, batch_id: str, *, transient_only: bool, max_retry_count: int) -> Retry:
        """Processes failed objects again, and objects that were not processed because too many others failed.

        With `transient_only`, only objects whose failure was transient. Objects that have been retried
        `max_retry_count` times are left out. Raises BucketNotFound, BucketLocked, BucketNotActive, BatchNotFound,
        BatchNotEnded, NothingToRetry if the batch was canceled or has no failed objects, and ObjectsInFlight.
        """

        def attempt() -> Retry:
            batch = self._ended(place, batch_id)
            if batch.status == CANCELED:
                raise NothingToRetry()
            run = Run(batch.epoch + 1, batch.counts_from, transient_only, max_retry_count)
            chunks = list(self.batches.chunks.walk(batch.rows, batch.batch_id))
            failed = _failed(chunk for chunk in chunks if chunk.epoch >= batch.counts_from)
            if not failed:
                raise NothingToRetry()
            after = [in_run(chunk, run) for chunk in chunks]
            retried = failed - _failed(after)
            done = frozenset(chunk.number for chunk in after if chunk.is_finished)
            if len(done) == len(chunks):
                return Retry(batch, 0, failed, None)
            started, task = self.batches.run(
                batch,
                _same_submission(batch),
                done=done,
                retry_transient_only=transient_only,
                max_retry_count=max_retry_count,
                retry_count=batch.retry_count + 1,
            )
            return Retry(started, retried, failed - retried, task)

        return retry_on_conflict(attempt, self.batches.pause)

    def resubmit(self, place: BucketPlace, batch_id: str, *, submit: bool) -> tuple[Batch, NewTask | None]:
        """Makes a batch that has ended start over with all of its objects. Returns the batch and its task.

        Without `submit`, the batch is a draft again. Raises the errors of `Batches.submit`, and BatchNotEnded.
        """

        def attempt() -> tuple[Batch, NewTask | None]:
            batch = self._ended(place, batch_id)
            if submit and batch.object_count:
                changes = {
                    "counts_from": batch.epoch + 1,
                    "retry_transient_only": False,
                    "max_retry_count": 0,
                    "retry_count": 0,
                }
                return self.batches.run(batch, _same_submission(batch), **changes)
            draft = _as_draft(batch, format_timestamp(self.batches.clock()))
            self.batches.store.replace(batch, draft)
            return draft, None

        return retry_on_conflict(attempt, self.batches.pause)

    def _ended(self, place: BucketPlace, batch_id: str) -> Batch:
        self.batches.writable(place)
        batch = self.batches.get(place, batch_id)
        if not batch.has_ended:
            raise BatchNotEnded(batch.status)
        return batch


def _failed(chunks: Iterable[Chunk]) -> int:
    return sum(chunk.outcomes.count(letter) for chunk in chunks for letter in FAILURES)


def _same_submission(batch: Batch) -> Submission:
    """Returns the submission of the run before. Its check for other batches is made again."""
    webhook = Webhook(batch.webhook.url, batch.webhook.secret) if batch.webhook else None
    return Submission(webhook=webhook, tolerated_failure_percentage=batch.tolerated_failure_percentage)


def _as_draft(batch: Batch, now: str) -> Batch:
    """Returns the batch as a draft whose earlier outcomes are void."""
    return next_revision(
        batch,
        now,
        **NOT_RUN,
        status=DRAFT,
        counts_from=batch.epoch + 1,
        retry_count=0,
        tolerated_failure_percentage=None,
        task_id=None,
        webhook=None,
    )
