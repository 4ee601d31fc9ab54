"""One run of a task: slices for as long as there is time, each saved before the next.

How a run ends is what its message needs to know; see `runner`.
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

# The function ends after 300 seconds, so a lease is over before the queue hands out the message again (360).
LEASE = timedelta(seconds=330)
MAX_TASK_ATTEMPTS = 8
FIRST_RETRY_DELAY_SECONDS = 5
MAX_RETRY_DELAY_SECONDS = 300


class NoProgress(Exception):
    """A slice was done and nothing came of it: no progress, no end, no wish to wait."""

    def __init__(self) -> None:
        super().__init__("a slice of the work made no progress")


class RunOutcome(StrEnum):
    """How a run ended."""

    DONE = "done"
    GOES_ON = "goes on"
    LOST = "lost its lease"
    TRY_AGAIN = "try again"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class RunResult:
    """How a run ended, and after how many seconds the next may begin."""

    how: RunOutcome
    rests: int = 0


def retry_delay_after(attempts: int) -> int:
    """How many seconds pass after so many attempts in vain."""
    return min(MAX_RETRY_DELAY_SECONDS, FIRST_RETRY_DELAY_SECONDS << min(attempts, 10))


@dataclass(frozen=True, slots=True)
class Run:
    """The work on one task by its present owner. `is_time_up` is asked after each slice."""

    store: TaskStore
    worker: Callable[[], Worker]
    clock: Clock
    is_time_up: Callable[[], bool]

    def go(self, task: Task) -> RunResult:
        """Works until it is done, time is up, the lease is lost or something is raised."""
        first = task
        while True:
            try:
                slice_ = self._slice(task)
            except Exception as error:  # a worker may raise anything: it is counted, told and tried again
                return self._raised(task, error, has_moved=task is not first)
            try:
                task = self._saved(task, slice_)
            except VersionConflict:
                return RunResult(RunOutcome.LOST)
            if slice_.done:
                return RunResult(RunOutcome.DONE)
            if task.lease_owner is None:
                return RunResult(RunOutcome.GOES_ON, slice_.wait_seconds)

    def _slice(self, task: Task) -> Slice:
        slice_ = self.worker().run(task)
        if not slice_.done and not slice_.wait_seconds and dict(slice_.progress) == dict(task.progress):
            raise NoProgress()
        return slice_

    def _saved(self, task: Task, slice_: Slice) -> Task:
        now = self.clock()
        return self.store.save(task, slice_, now=now, until=self._until(slice_, now))

    def _until(self, slice_: Slice, now: datetime) -> datetime | None:
        if slice_.wait_seconds and not slice_.done:
            return now + timedelta(seconds=slice_.wait_seconds)
        return None if slice_.done or self.is_time_up() else now + LEASE

    def _raised(self, task: Task, error: Exception, *, has_moved: bool) -> RunResult:
        log("A task met an error", level=ERROR, error=error, task_id=task.task_id, attempts=task.attempts)
        try:
            return self._given_back(task, error_text(error), has_moved=has_moved)
        except VersionConflict:
            return RunResult(RunOutcome.LOST)

    def _given_back(self, task: Task, words: str, *, has_moved: bool) -> RunResult:
        if task.attempts >= MAX_TASK_ATTEMPTS:
            self.store.fail(task, words, now=self.clock())
            return RunResult(RunOutcome.FAILED)
        rests = retry_delay_after(task.attempts)
        self.store.give_back(task, words, now=self.clock(), rests=timedelta(seconds=rests))
        return RunResult(RunOutcome.GOES_ON if has_moved else RunOutcome.TRY_AGAIN, rests)
