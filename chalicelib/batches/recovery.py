"""Continues batches after a start of the embedded engine, whose queue is in memory and does not survive the process."""

from __future__ import annotations

from dataclasses import dataclass

from chalicelib.batches.batch import IN_PROGRESS, WEBHOOK_PENDING, Batch
from chalicelib.batches.chunk import released
from chalicelib.batches.chunk_store import ChunkStore
from chalicelib.batches.queue import BatchQueue, chunk_message, finish_message
from chalicelib.batches.store import BatchStore


@dataclass(frozen=True, slots=True)
class Recovery:
    """Queues the work of batches again. There must be no workers, because their leases are ended."""

    batches: BatchStore
    chunks: ChunkStore
    queue: BatchQueue

    def continue_batches(self, organization: str) -> None:
        """Queues what remains to do for the batches of an organization.

        The task of a batch that has not started yet is continued as any other task.
        """
        for found in self.batches.walk_organization(organization):
            self._continue(found.batch)

    def _continue(self, batch: Batch) -> None:
        if batch.status == IN_PROGRESS:
            self._continue_chunks(batch)
        elif batch.has_ended and (batch.report_key is None or _notifies(batch)):
            self.queue.send([finish_message(batch)])

    def _continue_chunks(self, batch: Batch) -> None:
        """Queues the unfinished chunks. Objects are not blamed for the end of the process."""
        for chunk in self.chunks.walk(batch.rows, batch.batch_id):
            if chunk.number in batch.done:
                continue
            if chunk.lease_owner is not None:
                self.chunks.replace(batch.rows, batch.batch_id, chunk, released(chunk))
            self.queue.send([chunk_message(batch, chunk.number)])


def _notifies(batch: Batch) -> bool:
    return batch.webhook is not None and batch.webhook.state == WEBHOOK_PENDING
