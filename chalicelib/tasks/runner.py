"""Handles SQS events of the task queue: runs the task of each message once.

A message is reported as successful if its task has ended without failing, has been claimed by another run, or has a new
message. Otherwise it is reported as failed. SQS then delivers it again, and moves it to the dead-letter queue after 10
deliveries. Only messages of failed tasks should reach the dead-letter queue. The number of attempts is kept in the row
of the task, because a process that is killed cannot report its progress. So before a run starts for a message that was
received many times, the runner sends a new message for the task.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from math import ceil
from typing import Any

from chalicelib.aws.dynamodb.optimistic_lock import VersionConflict
from chalicelib.aws.queue_events import Context, Event, UnreadableMessage, handle_each, receive_count
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
from chalicelib.tasks.queue import Message, TaskQueue, read
from chalicelib.tasks.store import TaskStore
from chalicelib.tasks.task import Task
from chalicelib.tasks.worker import Worker

# No slice starts with less time left than this, so that a slice can be saved before the function times out.
MARGIN_SECONDS = 45.0
# After this delay, a lease that is not renewed has ended, and so has any delay between attempts.
NEW_MESSAGE_DELAY_SECONDS = int(LEASE.total_seconds()) + 1
KILLED = f"The work ended {MAX_TASK_ATTEMPTS} times before any of it was saved"


def new_owner() -> str:
    """A random id for a run, as the owner of a lease."""
    return secrets.token_hex(8)


@dataclass(frozen=True, slots=True)
class Runner:
    """Runs tasks. `workers` maps each task type to a function that returns its worker."""

    store: TaskStore
    queue: TaskQueue
    workers: Mapping[str, Callable[[], Worker]]
    clock: Clock
    margin_seconds: float = MARGIN_SECONDS
    owner: Callable[[], str] = field(default=new_owner)

    def handle(self, event: Event, context: Context) -> dict[str, Any]:
        """Handles each message of an event. The response lists the messages that SQS is to deliver again."""

        def is_time_up() -> bool:
            return context.get_remaining_time_in_millis() < 1000 * self.margin_seconds

        return handle_each(event, lambda record: self._succeeds(record, is_time_up))

    def _succeeds(self, record: Mapping[str, Any], is_time_up: Callable[[], bool]) -> bool:
        """Handles a message. Returns whether SQS may delete it."""
        with track_usage() as usage:
            try:
                message = read(record)
            except UnreadableMessage as error:
                log("A message cannot be read", level=ERROR, error=error, message_id=record["messageId"])
                self.queue.postpone(record, retry_delay_after(receive_count(record)))
                return False
            try:
                result = self._run(message, is_time_up)
            except Exception as error:
                # This run may still hold the lease, so the message is not postponed: SQS delivers it after the
                # visibility timeout, when the lease has ended.
                _log(message, "not known", error=error)
                return False
            _log(message, result.outcome, round_trips=usage.round_trips, write_units=usage.write_units)
        if result.outcome in (RunOutcome.RETRY, RunOutcome.FAILED):
            self.queue.postpone(record, result.delay_seconds or FIRST_RETRY_DELAY_SECONDS)
            return False
        return True

    def _run(self, message: Message, is_time_up: Callable[[], bool]) -> RunResult:
        now = self.clock()
        try:
            task = self.store.claim(message.organization, message.task_id, self.owner(), now=now, until=now + LEASE)
        except VersionConflict:
            return self._not_claimed(message, now)
        if task.attempts > MAX_TASK_ATTEMPTS:
            self.store.fail(task, task.error or KILLED, now=self.clock())
            return RunResult(RunOutcome.FAILED)
        near_limit = message.is_near_dead_letter_limit
        if near_limit:
            self.queue.send(task.organization, task.task_id, delay_seconds=NEW_MESSAGE_DELAY_SECONDS)
        result = Run(self.store, lambda: self._worker(task), self.clock, is_time_up).execute(task)
        if result.outcome is RunOutcome.CONTINUES:
            # The lease has been released before, so the run that receives this message can claim the task.
            self.queue.send(task.organization, task.task_id, delay_seconds=result.delay_seconds)
        # The new message replaces this one, which must not be delivered again.
        return RunResult(RunOutcome.CONTINUES) if near_limit and result.outcome is RunOutcome.RETRY else result

    def _not_claimed(self, message: Message, now: datetime) -> RunResult:
        """The result for a task that has ended or that another run has claimed."""
        task = self.store.find(message.organization, message.task_id)
        if task is None or task.is_expired(now):
            return RunResult(RunOutcome.LEASE_LOST)
        if task.has_ended:
            return RunResult(RunOutcome.FAILED if task.status == TaskStatusEnum.FAILED else RunOutcome.DONE)
        # SQS may deliver a message twice at the same time, and it deletes the message when either delivery succeeds.
        # The new message makes sure that the task is continued if the other run is killed.
        self.queue.send(task.organization, task.task_id, delay_seconds=_seconds_leased(task, now))
        return RunResult(RunOutcome.LEASE_LOST)

    def _worker(self, task: Task) -> Worker:
        if task.task_type not in self.workers:
            raise LookupError(f"no worker is configured for tasks of the type {task.task_type}")
        return self.workers[task.task_type]()


def _seconds_leased(task: Task, now: datetime) -> int:
    """After how many seconds the current lease of the task has ended."""
    if task.lease_until is None:
        return 0
    return max(0, ceil((parse_timestamp(task.lease_until) - now).total_seconds())) + 1


def _log(message: Message, outcome: str, *, error: Exception | None = None, **usage: Any) -> None:
    log(
        "task",
        level=ERROR if error is not None else INFO,
        error=error,
        organization=message.organization,
        task_id=message.task_id,
        times=message.receive_count,
        ended=outcome,
        **usage,
    )
