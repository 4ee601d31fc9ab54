"""Reports the end of a batch: writes the report to S3, and notifies the webhook until it has accepted."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from math import ceil
from typing import Protocol

from chalicelib.aws.dynamodb.optimistic_lock import retry_on_conflict
from chalicelib.batches.batch import WEBHOOK_PENDING, Batch, Webhook, next_revision
from chalicelib.batches.chunk import Chunk
from chalicelib.batches.chunk_store import ChunkStore
from chalicelib.batches.queue import BatchMessage
from chalicelib.batches.report import MIME_TYPE, report, report_key
from chalicelib.batches.store import BatchStore
from chalicelib.batches.totals import to_document, total_of
from chalicelib.blobs.service import Blobs
from chalicelib.core.clock import Clock, format_timestamp, parse_timestamp


class Notifier(Protocol):
    """Sends the notification of the end of a batch."""

    def attempt(self, batch: Batch, webhook: Webhook, now: datetime) -> Webhook:
        """Sends the notification once, and returns the state of the webhook after it."""


@dataclass(frozen=True, slots=True)
class Finishing:
    """What remains to do when a batch has ended."""

    batches: BatchStore
    chunks: ChunkStore
    files: Blobs
    notifier: Notifier
    clock: Clock
    pause: Callable[[float], None] = field(default=time.sleep)

    def run(self, message: BatchMessage) -> int | None:
        """Does what is due. Returns after how many seconds to call it again, or None if nothing remains.

        May be repeated at any time. Raises Unavailable if AWS does not serve a call.
        """
        batch = self._ended(message)
        if batch is None:
            return None
        if batch.report_key is None:
            chunks = list(self.chunks.walk(batch.rows, batch.batch_id))
            if (wait := self._seconds_leased(chunks)) > 0:  # a worker may still record the outcome of its object
                return wait
            batch = self._write_report(message, batch, chunks)
        return self._notify(message, batch) if batch is not None else None

    def _ended(self, message: BatchMessage) -> Batch | None:
        """Returns the batch if it has ended and has not been run again since."""
        batch = self.batches.find(message.rows, message.batch_id)
        return batch if batch is not None and batch.has_ended and batch.epoch == message.epoch else None

    def _seconds_leased(self, chunks: list[Chunk]) -> int:
        """Returns after how many seconds no worker holds a chunk any more."""
        now = self.clock()
        ends = [parse_timestamp(str(chunk.lease_until)) for chunk in chunks if chunk.is_leased(now)]
        # A worker ends its lease as soon as it sees that the batch has ended, so this looks again soon.
        return min(10, ceil((max(ends) - now).total_seconds()) + 1) if ends else 0

    def _write_report(self, message: BatchMessage, batch: Batch, chunks: list[Chunk]) -> Batch | None:
        key = report_key(batch)
        ids = self.chunks.walk_ids(batch.rows, batch.batch_id)
        failures = self.chunks.failures(batch.rows, batch.batch_id)
        content = report(batch, ids, chunks, failures)
        self.files.put_document(key, content, mime_type=MIME_TYPE, filename="report.jsonl")
        current = (chunk.outcomes for chunk in chunks if chunk.epoch >= batch.counts_from)
        written = self._revise(message, report_key=key, totals=to_document(total_of(current)))
        if written is None:  # the batch was deleted or run again meanwhile
            self.files.remove([key])
        return written

    def _notify(self, message: BatchMessage, batch: Batch) -> int | None:
        webhook, now = batch.webhook, self.clock()
        if webhook is None or webhook.state != WEBHOOK_PENDING:
            return None
        if (wait := _seconds_until(webhook, now)) > 0:
            return wait
        after = self.notifier.attempt(batch, webhook, now)
        self._revise(message, webhook=after)
        return _seconds_until(after, now) if after.state == WEBHOOK_PENDING else None

    def _revise(self, message: BatchMessage, **changes: object) -> Batch | None:
        """Changes the batch, and returns it. Returns None if it was deleted or run again."""

        def attempt() -> Batch | None:
            batch = self._ended(message)
            if batch is None:
                return None
            changed = next_revision(batch, format_timestamp(self.clock()), **changes)
            self.batches.replace(batch, changed)
            return changed

        return retry_on_conflict(attempt, self.pause)


def _seconds_until(webhook: Webhook, now: datetime) -> int:
    """Returns after how many seconds the next attempt is due. 0 if it is due."""
    if webhook.next_attempt_at is None:
        return 0
    return max(0, ceil((parse_timestamp(webhook.next_attempt_at) - now).total_seconds()))
