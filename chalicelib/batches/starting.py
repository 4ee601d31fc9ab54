"""The worker of a batch's task: it starts the run, queues its chunks, and then watches it.

The task ends together with the batch. Until then it looks at the batch every 15 minutes. If nothing has happened since
the look before, it queues the unfinished chunks again, so a lost message cannot stop a batch.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from chalicelib import keys
from chalicelib.aws.dynamodb.optimistic_lock import retry_on_conflict
from chalicelib.batches.batch import IN_PROGRESS, PENDING, Batch, next_revision
from chalicelib.batches.chunk_store import ChunkStore
from chalicelib.batches.queue import BatchMessage, BatchQueue, chunk_message
from chalicelib.batches.report import MIME_TYPE, manifest, manifest_key
from chalicelib.batches.store import BatchStore
from chalicelib.blobs.service import Blobs
from chalicelib.core.clock import Clock, format_timestamp
from chalicelib.core.log import log
from chalicelib.tasks.task import Task
from chalicelib.tasks.worker import Slice

MESSAGES_PER_SLICE = 200
WATCH_SECONDS = 900
# Entries of the task's progress: how many chunks have been queued, and the state of the chunks at the last look.
QUEUED, SEEN = "_queued", "_seen"


@dataclass(frozen=True, slots=True)
class BatchStart:
    """Starts and watches the run of a batch."""

    batches: BatchStore
    chunks: ChunkStore
    files: Blobs
    queue: BatchQueue
    clock: Clock
    pause: Callable[[float], None] = field(default=time.sleep)

    def run(self, task: Task) -> Slice:
        """Runs one slice. Raises Unavailable if AWS does not serve a call."""
        partition = keys.partition(task.organization, str(task.about["namespace_id"]))
        rows = keys.batches(partition, str(task.about["bucket_id"]))
        batch = self.batches.find(rows, str(task.about["batch_id"]))
        if batch is None or batch.task_id != task.task_id or not batch.is_active:
            return Slice(done=True, progress=task.progress)
        if batch.status == PENDING:
            self._start(batch)
            return Slice(done=False, progress={QUEUED: 0})
        queued = int(task.progress.get(QUEUED, 0))
        if queued < batch.chunk_count:
            return self._queue(batch, queued, task)
        return self._watch(batch, task)

    def _start(self, batch: Batch) -> None:
        key = manifest_key(batch)
        content = manifest(batch, self.chunks.walk_ids(batch.rows, batch.batch_id))
        self.files.put_document(key, content, mime_type=MIME_TYPE, filename="manifest.jsonl")

        def attempt() -> bool:
            current = self.batches.find(batch.rows, batch.batch_id)
            if current is None or current.epoch != batch.epoch:
                return False
            if current.status == PENDING:
                now = format_timestamp(self.clock())
                started = next_revision(current, now, status=IN_PROGRESS, started_at=now, manifest_key=key)
                self.batches.replace(current, started)
            return True

        if not retry_on_conflict(attempt, self.pause):  # the batch was deleted or run again meanwhile
            self.files.remove([key])

    def _queue(self, batch: Batch, queued: int, task: Task) -> Slice:
        numbers = range(queued, min(queued + MESSAGES_PER_SLICE, batch.chunk_count))
        self.queue.send(chunk_message(batch, number) for number in numbers if number not in batch.done)
        return Slice(done=False, progress={**task.progress, QUEUED: numbers.stop})

    def _watch(self, batch: Batch, task: Task) -> Slice:
        seen = self._state(batch)
        if seen == task.progress.get(SEEN):
            log("A batch has not moved since the last look", batch=batch.batch_id, bucket=batch.bucket_id)
            self.queue.send(islice(self._stalled(batch), MESSAGES_PER_SLICE))
        return Slice(done=False, progress={QUEUED: batch.chunk_count, SEEN: seen}, wait_seconds=WATCH_SECONDS)

    def _stalled(self, batch: Batch) -> Iterator[BatchMessage]:
        now = self.clock()
        for chunk in self.chunks.walk(batch.rows, batch.batch_id):
            if chunk.number not in batch.done and not chunk.is_leased(now):
                yield chunk_message(batch, chunk.number)

    def _state(self, batch: Batch) -> list[int]:
        """Returns numbers that change with every write of a worker."""
        revisions = sum(chunk.revision for chunk in self.chunks.walk(batch.rows, batch.batch_id))
        return [batch.epoch, len(batch.done), revisions]
