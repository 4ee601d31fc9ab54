"""Processes the objects of a chunk, one after the other, on behalf of one message.

The worker leases the chunk, so that no other worker processes it. One write records the outcome of an object and which
object is processed next. If the worker dies, the next one knows with which object. Before each object, the worker reads
the batch, so no object starts after the worker has seen that the batch has ended.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from math import ceil

from chalicelib.aws.dynamodb.optimistic_lock import VersionConflict
from chalicelib.aws.dynamodb.writes import Step
from chalicelib.batches.batch import IN_PROGRESS, Batch
from chalicelib.batches.chunk import Chunk, Run, claimed, in_run, released, with_outcome
from chalicelib.batches.chunk_store import ChunkStore, failure_step, success_step
from chalicelib.batches.closing import Closing
from chalicelib.batches.item import ItemProcessing, Outcome
from chalicelib.batches.outcomes import CHANGED, WAITING
from chalicelib.batches.queue import BatchMessage
from chalicelib.batches.store import BatchStore
from chalicelib.core.clock import Clock, parse_timestamp
from chalicelib.core.log import ERROR, log

# Longer than the function's timeout (300 seconds), so the lease of a worker that runs never ends before the worker.
LEASE = timedelta(seconds=330)
# How many times a worker processes an object again because a new copy of a file has replaced the one that the hook got.
MAX_REPEATS = 3


class RunOutcome(StrEnum):
    """How the work on a message ended. The values appear in the log."""

    FINISHED = "finished"
    CONTINUES = "continues"
    LEASED = "leased"
    ENDED = "batch has ended"


@dataclass(frozen=True, slots=True)
class RunResult:
    """How the work on a message ended, and after how many seconds the chunk can be continued."""

    outcome: RunOutcome
    delay_seconds: int = 0


@dataclass(frozen=True, slots=True)
class ChunkRunner:
    """Processes chunks. `owner` returns a new id for each lease."""

    batches: BatchStore
    chunks: ChunkStore
    items: ItemProcessing
    closing: Closing
    clock: Clock
    owner: Callable[[], str]

    def run(self, message: BatchMessage, is_time_up: Callable[[], bool]) -> RunResult:
        """Processes the waiting objects of a chunk until the time is up or the batch ends.

        Raises Unavailable if AWS does not serve a call, after an attempt to release the chunk.
        """
        batch = self.current(message.rows, message.batch_id, message.epoch)
        chunk = self.chunks.find(message.rows, message.batch_id, message.chunk) if batch else None
        if batch is None or chunk is None:
            return RunResult(RunOutcome.ENDED)
        if in_run(chunk, batch.run).is_finished:
            return self.finish(batch, chunk)
        now = self.clock()
        if chunk.is_leased(now):
            assert chunk.lease_until is not None, "a leased chunk has the end of its lease"
            return RunResult(RunOutcome.LEASED, _seconds(parse_timestamp(chunk.lease_until) - now))
        try:
            chunk = self._claim(batch, chunk, batch.run)
        except VersionConflict:  # another worker has claimed it
            return RunResult(RunOutcome.LEASED, _seconds(LEASE))
        return self._process(batch, chunk, is_time_up)

    def _process(self, batch: Batch, chunk: Chunk, is_time_up: Callable[[], bool]) -> RunResult:
        work = _Work(self, batch, chunk)
        try:
            return work.run(is_time_up)
        except VersionConflict:  # the lease ended, and another worker continues with the chunk
            return RunResult(RunOutcome.LEASED, _seconds(LEASE))
        except Exception:
            work.release_quietly()
            raise

    def _claim(self, batch: Batch, chunk: Chunk, run: Run) -> Chunk:
        new = claimed(chunk, run, self.owner(), self.clock() + LEASE)
        return self.chunks.replace(batch.rows, batch.batch_id, chunk, new)

    def finish(self, batch: Batch, chunk: Chunk) -> RunResult:
        """Records that the run has finished the chunk, and closes the batch after the last one."""
        with suppress(VersionConflict):  # the run has ended meanwhile
            self.closing.close_if_done(self.batches.add_done(batch, chunk.number))
        return RunResult(RunOutcome.FINISHED)

    def current(self, rows: str, batch_id: str, epoch: int) -> Batch | None:
        """Returns the batch if this run of it is in progress."""
        batch = self.batches.find(rows, batch_id)
        return batch if batch is not None and batch.epoch == epoch and batch.status == IN_PROGRESS else None


class _Work:
    """The work on a claimed chunk. `chunk` is its current state."""

    def __init__(self, runner: ChunkRunner, batch: Batch, chunk: Chunk) -> None:
        self.runner, self.batch, self.chunk = runner, batch, chunk
        self.object_ids = runner.chunks.ids(batch.rows, batch.batch_id, chunk.number)
        self.repeats = 0

    def run(self, is_time_up: Callable[[], bool]) -> RunResult:
        """Processes objects until none waits, the time is up, or the batch has ended."""
        process = self.runner.items.for_bucket(self.batch)
        while self.chunk.current is not None:
            # Also before the first object: the report of a batch that ended before the claim did not wait for it.
            if not self._continues():
                self.release()
                return RunResult(RunOutcome.ENDED)
            outcome = process(self.batch, self.chunk, self.object_ids[self.chunk.current], self.save)
            if outcome.letter != WAITING:
                self._record(outcome)
            elif self.repeats < MAX_REPEATS:  # the object remains the current one
                self.repeats += 1
            else:
                self._record(Outcome(CHANGED))
            if self.chunk.current is not None and is_time_up():
                self.release()
                return RunResult(RunOutcome.CONTINUES)
        return self.runner.finish(self.batch, self.chunk)

    def save(self, new: Chunk, *more: Step) -> Chunk:
        """Stores and returns the next state of the chunk. Raises VersionConflict if the lease was lost."""
        self.chunk = self.runner.chunks.replace(self.batch.rows, self.batch.batch_id, self.chunk, new, *more)
        return self.chunk

    def _record(self, outcome: Outcome) -> None:
        """Stores the outcome of the current object together with its failure, so only a worker with the lease does."""
        rows, batch_id, position = self.batch.rows, self.batch.batch_id, self.chunk.current
        assert position is not None, "the object is the current one of its chunk"
        self.repeats = 0
        more: list[Step] = []
        if outcome.failure is not None:
            more.append(failure_step(rows, batch_id, outcome.failure))
        elif self.chunk.attempts_of(position):  # an earlier attempt may have failed
            more.append(success_step(rows, batch_id, self.chunk.number, position))
        self.save(with_outcome(self.chunk, outcome.letter, self.runner.clock() + LEASE), *more)

    def release(self) -> None:
        """Ends the lease before the current object is processed."""
        self.save(released(self.chunk))

    def release_quietly(self) -> None:
        """Ends the lease after an error, so that the object is not blamed for it."""
        try:
            self.release()
        except Exception as error:  # the lease ends on its own
            log("A chunk could not be released", level=ERROR, error=error, batch=self.batch.batch_id)

    def _continues(self) -> bool:
        """Reads the batch again. Returns whether its run is still in progress."""
        batch = self.runner.current(self.batch.rows, self.batch.batch_id, self.batch.epoch)
        if batch is None or self.runner.closing.stop_if_intolerable(batch):
            return False
        self.batch = batch
        return True


def _seconds(duration: timedelta) -> int:
    """Returns a duration in whole seconds, rounded up, and one second more."""
    return max(0, ceil(duration.total_seconds())) + 1
