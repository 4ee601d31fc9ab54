"""Removes the batches of a bucket that is being deleted."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from chalicelib import keys
from chalicelib.batches.closing import Closing
from chalicelib.batches.errors import BatchNotFound
from chalicelib.batches.removal import BatchRemoval
from chalicelib.batches.store import BatchStore

CANCELED_WITH_BUCKET = "The bucket is being deleted"


@dataclass(frozen=True, slots=True)
class BatchCleaner:
    """Cancels and removes the batches of a bucket, with their files."""

    batches: BatchStore
    closing: Closing
    removal: BatchRemoval
    name: str = "batches"

    def delete_slice(self, partition: str, bucket_id: str) -> int:
        """Removes one batch, or rows that belong to no batch. Returns 1, or 0 if nothing remains."""
        rows = keys.batches(partition, bucket_id)
        found = next(self.batches.walk(rows, page_size=2), None)
        if found is None:
            return self.removal.remove_remains(rows, bucket_id)
        batch = found.batch
        if batch.is_active:
            self.closing.cancel_run(rows, batch.batch_id, batch.task_id, CANCELED_WITH_BUCKET)
        with suppress(BatchNotFound):
            self.removal.remove(rows, batch.batch_id)
        return 1
