"""What the queue's function does with an event: it works on the tasks that the messages name, one run a message.

A message is dealt with once its task is over, is somebody else's, or has another message. Otherwise it is reported
as failed, and the queue hands it out again, ten times at most; then it is a dead letter. That must happen only to
tasks that failed, which is counted in their rows, and a process that is ended tells nobody how far it came: so a
message that came often is given a successor before the work begins.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from math import ceil
from typing import Any, Protocol

from chalicelib.aws.dynamodb.optimistic_lock import VersionConflict
from chalicelib.aws.usage import track_usage
from chalicelib.core.clock import Clock, parse_timestamp
from chalicelib.core.log import ERROR, INFO, log
from chalicelib.core.statuses import TaskStatusEnum
from chalicelib.tasks.execution import (
    FIRST_RETRY_DELAY_SECONDS,
    LEASE,
    MAX_TASK_ATTEMPTS,
    Run,
    RunOutcome,
    RunResult,
    retry_delay_after,
)
from chalicelib.tasks.queue import Message, TaskQueue, UnreadableMessage, read, times_received
from chalicelib.tasks.store import TaskStore
from chalicelib.tasks.task import Task
from chalicelib.tasks.worker import Worker

Event = Mapping[str, Any]
# No slice is begun that might not be saved before the function ends.
MARGIN_SECONDS = 45.0
# When a lease that is not renewed is over, as is any pause between attempts.
SUCCESSOR_SECONDS = int(LEASE.total_seconds()) + 1
KILLED = f"The work ended {MAX_TASK_ATTEMPTS} times before any of it was saved"


class Context(Protocol):
    """What Lambda tells a function about its call."""

    def get_remaining_time_in_millis(self) -> int:
        """How long the call may still take."""


def new_owner() -> str:
    """Names one run among all."""
    return secrets.token_hex(8)


@dataclass(frozen=True, slots=True)
class Runner:
    """Works on tasks, each type by its worker; a worker is asked for when there is work."""

    store: TaskStore
    queue: TaskQueue
    workers: Mapping[str, Callable[[], Worker]]
    clock: Clock
    margin_seconds: float = MARGIN_SECONDS
    owner: Callable[[], str] = field(default=new_owner)

    def handle(self, event: Event, context: Context) -> dict[str, Any]:
        """Deals with the messages of an event, and answers with those that are to come again."""

        def is_time_up() -> bool:
            return context.get_remaining_time_in_millis() < 1000 * self.margin_seconds

        records = event.get("Records") or ()
        failed = [record["messageId"] for record in records if not self._deals_with(record, is_time_up)]
        return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}

    def _deals_with(self, record: Mapping[str, Any], is_time_up: Callable[[], bool]) -> bool:
        with track_usage() as meter:
            try:
                message = read(record)
            except UnreadableMessage as error:
                log("A message cannot be read", level=ERROR, error=error, message_id=record["messageId"])
                self.queue.postpone(record, retry_delay_after(times_received(record)))
                return False
            try:
                ended = self._ended(message, is_time_up)
            except Exception as error:
                # The lease may be ours still, so the message must not come before that is over.
                _log(message, "not known", error=error)
                return False
            _log(message, ended.how, round_trips=meter.round_trips, write_units=meter.write_units)
        if ended.how in (RunOutcome.TRY_AGAIN, RunOutcome.FAILED):
            self.queue.postpone(record, ended.rests or FIRST_RETRY_DELAY_SECONDS)
            return False
        return True

    def _ended(self, message: Message, is_time_up: Callable[[], bool]) -> RunResult:
        now = self.clock()
        try:
            task = self.store.claim(message.organization, message.task_id, self.owner(), now=now, until=now + LEASE)
        except VersionConflict:
            return self._not_ours(message, now)
        if task.attempts > MAX_TASK_ATTEMPTS:
            self.store.fail(task, task.error or KILLED, now=self.clock())
            return RunResult(RunOutcome.FAILED)
        if message.is_worn:
            self.queue.send(task.organization, task.task_id, delay_seconds=SUCCESSOR_SECONDS)
        ended = Run(self.store, lambda: self._worker(task), self.clock, is_time_up).go(task)
        if ended.how is RunOutcome.GOES_ON:  # the task has been given back, so that whoever reads this finds it free
            self.queue.send(task.organization, task.task_id, delay_seconds=ended.rests)
        return RunResult(RunOutcome.GOES_ON) if message.is_worn and ended.how is RunOutcome.TRY_AGAIN else ended

    def _not_ours(self, message: Message, now: datetime) -> RunResult:
        task = self.store.find(message.organization, message.task_id)
        if task is None or not task.is_kept(now):
            return RunResult(RunOutcome.LOST)
        if task.has_ended:
            return RunResult(RunOutcome.FAILED if task.status == TaskStatusEnum.FAILED else RunOutcome.DONE)
        # One queue may hand out one message twice at a time, and forgets it when either is dealt with. So the
        # message is not just dropped: if whoever works on the task ends without a word, this one finds it.
        self.queue.send(task.organization, task.task_id, delay_seconds=_seconds_held(task, now))
        return RunResult(RunOutcome.LOST)

    def _worker(self, task: Task) -> Worker:
        if task.task_type not in self.workers:
            raise LookupError(f"nobody here works on tasks of the type {task.task_type}")
        return self.workers[task.task_type]()


def _seconds_held(task: Task, now: datetime) -> int:
    """After how many seconds nobody holds the task, unless they hold on to it."""
    if task.lease_until is None:
        return 0
    return max(0, ceil((parse_timestamp(task.lease_until) - now).total_seconds())) + 1


def _log(message: Message, ended: str, *, error: Exception | None = None, **more: Any) -> None:
    log(
        "task",
        level=ERROR if error is not None else INFO,
        error=error,
        organization=message.organization,
        task_id=message.task_id,
        times=message.times,
        ended=ended,
        **more,
    )
