"""Removes a batch: first it is marked, so that nobody sees it any more; then its contents are removed, then its row."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from chalicelib.aws.dynamodb.optimistic_lock import VersionConflict, retry_on_conflict
from chalicelib.batches.batch import Batch, next_revision
from chalicelib.batches.chunk_store import ROWS_PER_CALL, ChunkStore
from chalicelib.batches.errors import BatchActive, BatchNotFound
from chalicelib.batches.report import files_prefix
from chalicelib.batches.store import BatchStore
from chalicelib.blobs.service import Blobs
from chalicelib.core.clock import Clock, format_timestamp


@dataclass(frozen=True, slots=True)
class BatchRemoval:
    """Removes batches with their rows and files. A removal that was interrupted can be repeated."""

    batches: BatchStore
    chunks: ChunkStore
    files: Blobs
    clock: Clock
    pause: Callable[[float], None] = field(default=time.sleep)

    def remove(self, rows: str, batch_id: str) -> None:
        """Removes a batch. Raises BatchNotFound, and BatchActive if it is submitted and has not ended."""
        batch = retry_on_conflict(lambda: self._mark(rows, batch_id), self.pause)
        self.chunks.remove(rows, batch_id)
        self._remove_files(files_prefix(batch.bucket_id, batch_id))
        try:
            self.batches.remove(batch)
        except VersionConflict as error:  # another removal was faster: nothing else changes a marked batch
            raise BatchNotFound(batch_id) from error

    def remove_remains(self, rows: str, bucket_id: str) -> int:
        """Removes rows and files that belong to no batch, as a process that was killed leaves them. Returns 0 or 1.

        Only for a bucket that accepts no batches.
        """
        removed = self.batches.remove_some_remains(rows, ROWS_PER_CALL)
        return int(removed > 0 or self._remove_files(files_prefix(bucket_id)))

    def _mark(self, rows: str, batch_id: str) -> Batch:
        """Marks the batch as being removed, unless it is marked already, and returns it."""
        batch = self.batches.find(rows, batch_id, include_removed=True)
        if batch is None:
            raise BatchNotFound(batch_id)
        if batch.is_active:
            raise BatchActive(batch.status)
        if batch.is_removed:
            return batch
        marked = next_revision(batch, format_timestamp(self.clock()), is_removed=True)
        self.batches.replace(batch, marked)
        return marked

    def _remove_files(self, prefix: str) -> bool:
        keys = self.files.keys_with_prefix(prefix)
        self.files.remove(keys)
        return bool(keys)
