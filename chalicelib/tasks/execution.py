"""One run of a task: slices of work until the time is up. Each slice is saved before the next one starts.

See `worker` for what a slice is, and `runner` for what the result of a run means for the message in the queue.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from chalicelib.aws.dynamodb.optimistic_lock import VersionConflict
from chalicelib.core.clock import Clock
from chalicelib.core.log import ERROR, log
from chalicelib.tasks.error_text import error_text
from chalicelib.tasks.store import TaskStore
from chalicelib.tasks.task import Task
from chalicelib.tasks.worker import Slice, Worker

# Longer than the function's timeout (300 seconds) and shorter than the queue's visibility timeout (360 seconds): the
# lease of a run that was killed has ended when SQS delivers its message again.
LEASE = timedelta(seconds=330)
MAX_TASK_ATTEMPTS = 8
FIRST_RETRY_DELAY_SECONDS = 5
MAX_RETRY_DELAY_SECONDS = 300


class NoProgress(Exception):
    """A worker returned a slice that is not done, has the same progress as before, and asks for no wait."""

    def __init__(self) -> None:
        super().__init__("a slice of the work made no progress")


class RunOutcome(StrEnum):
    """How a run ended. The values appear in the log."""

    DONE = "done"
    CONTINUES = "continues"
    LEASE_LOST = "lost its lease"
    RETRY = "try again"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class RunResult:
    """How a run ended, and after how many seconds the next run may start."""

    outcome: RunOutcome
    delay_seconds: int = 0


def retry_delay_after(attempts: int) -> int:
    """The seconds to wait after this many failed attempts in a row."""
    return min(MAX_RETRY_DELAY_SECONDS, FIRST_RETRY_DELAY_SECONDS << min(attempts, 10))


@dataclass(frozen=True, slots=True)
class Run:
    """A run of a task that has been claimed. `is_time_up` is called after each slice."""

    store: TaskStore
    worker: Callable[[], Worker]
    clock: Clock
    is_time_up: Callable[[], bool]

    def execute(self, task: Task) -> RunResult:
        """Runs slices until the task is done or has to wait, the time is up, the lease is lost, or an error occurs."""
        first = task
        while True:
            try:
                slice_ = self._slice(task)
            except Exception as error:  # a worker may raise anything; every error counts as an attempt
                return self._handle_error(task, error, has_progressed=task is not first)
            try:
                task = self._saved(task, slice_)
            except VersionConflict:
                return RunResult(RunOutcome.LEASE_LOST)
            if slice_.done:
                return RunResult(RunOutcome.DONE)
            if task.lease_owner is None:
                return RunResult(RunOutcome.CONTINUES, slice_.wait_seconds)

    def _slice(self, task: Task) -> Slice:
        slice_ = self.worker().run(task)
        if not slice_.done and not slice_.wait_seconds and dict(slice_.progress) == dict(task.progress):
            raise NoProgress()
        return slice_

    def _saved(self, task: Task, slice_: Slice) -> Task:
        now = self.clock()
        return self.store.save(task, slice_, now=now, until=self._lease_until(slice_, now))

    def _lease_until(self, slice_: Slice, now: datetime) -> datetime | None:
        if slice_.wait_seconds and not slice_.done:
            return now + timedelta(seconds=slice_.wait_seconds)
        return None if slice_.done or self.is_time_up() else now + LEASE

    def _handle_error(self, task: Task, error: Exception, *, has_progressed: bool) -> RunResult:
        """Logs the error and saves it in the task, which fails after too many attempts and is retried otherwise."""
        log("A slice of a task failed", level=ERROR, error=error, task_id=task.task_id, attempts=task.attempts)
        try:
            return self._retry_or_fail(task, error_text(error), has_progressed=has_progressed)
        except VersionConflict:
            return RunResult(RunOutcome.LEASE_LOST)

    def _retry_or_fail(self, task: Task, error: str, *, has_progressed: bool) -> RunResult:
        if task.attempts >= MAX_TASK_ATTEMPTS:
            self.store.fail(task, error, now=self.clock())
            return RunResult(RunOutcome.FAILED)
        delay = retry_delay_after(task.attempts)
        self.store.release(task, error, now=self.clock(), retry_delay=timedelta(seconds=delay))
        return RunResult(RunOutcome.CONTINUES if has_progressed else RunOutcome.RETRY, delay)
