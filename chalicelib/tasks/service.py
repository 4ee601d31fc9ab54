"""Starts, reads, cancels and restarts tasks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field
from enum import Enum, auto
from typing import Any

from chalicelib.aws.dynamodb.optimistic_lock import retry_on_conflict
from chalicelib.aws.dynamodb.writes import Put, Step
from chalicelib.core.clock import Clock, format_timestamp
from chalicelib.core.ids import Ids, is_id
from chalicelib.core.record import record
from chalicelib.core.statuses import TaskStatusEnum
from chalicelib.tasks.errors import TaskNotFound, TaskNotRestartable
from chalicelib.tasks.store import TaskStore
from chalicelib.tasks.task import NewTask, Task, TaskValues
from chalicelib.tasks.task_types import TASK_TYPES

PREFIX = "task"
ENDED_WITHOUT_FAILURE = (TaskStatusEnum.COMPLETED, TaskStatusEnum.COMPLETED_WITH_ERRORS, TaskStatusEnum.CANCELED)


class Cancellation(Enum):
    """The result of a request to cancel a task."""

    CANCELED = auto()
    NOT_CANCELLABLE = auto()
    NOTHING_TO_CANCEL = auto()


@record
class Tasks:
    """The tasks of every organization. Each method only reads and writes tasks of the organization that it is given.

    `cancellers` has a function for each task type whose tasks are canceled together with the resource that they work
    on, such as a batch.
    """

    store: TaskStore
    ids: Ids
    clock: Clock
    pause: Callable[[float], None] = field(default=time.sleep)
    cancellers: Mapping[str, Callable[[Task], None]] = field(default_factory=dict)

    def new(
        self,
        organization: str,
        task_type: str,
        *,
        inputs: TaskValues,
        about: Mapping[str, Any] | None = None,
        progress: Mapping[str, Any] | None = None,
        cancellable: bool = False,
    ) -> NewTask:
        """A new task with an id. It is stored and started by a transaction that contains its `step`.

        Raises ValueError if the type is not one of TASK_TYPES.
        """
        if task_type not in TASK_TYPES:
            raise ValueError(f"unknown task type {task_type!r}")
        # The id and `created_at` use the same time, so that both have the same order.
        now = self.clock()
        return NewTask(
            organization,
            self.ids.timed(PREFIX, now),
            task_type,
            format_timestamp(now),
            inputs,
            about or {},
            progress or {},
            cancellable,
        )

    def step(self, new: NewTask) -> Put:
        """The write that starts the task, for the caller's transaction. The task starts only if that is committed."""
        return self.store.step(new, self.clock())

    def ended_step(self, new: NewTask, status: TaskStatusEnum) -> Put:
        """The write that stores a task which has ended already, for the caller's transaction. Nothing runs it."""
        return self.store.ended_step(new, status, self.clock())

    def end_step(
        self, organization: str, task_id: str, status: TaskStatusEnum, outputs: TaskValues, *, error: str | None = None
    ) -> list[Step]:
        """The write that ends a task together with the resource that it works on, for the caller's transaction.

        Empty if the row of the task is gone: tasks are kept for 30 days after their last change.
        """
        task = self.store.find(organization, task_id)
        return [] if task is None else [self.store.end_step(task, status, outputs, error, self.clock())]

    def find(self, organization: str, task_id: str) -> Task | None:
        """The task with this id in the organization, or None if there is none or its retention period has ended."""
        if not is_id(task_id, PREFIX):
            return None
        task = self.store.find(organization, task_id)
        return None if task is None or task.is_expired(self.clock()) else task

    def get(self, organization: str, task_id: str) -> Task:
        """The task with this id. Raises TaskNotFound."""
        task = self.find(organization, task_id)
        if task is None:
            raise TaskNotFound(task_id)
        return task

    def walk(
        self, organization: str, *, descending: bool = True, after: str | None = None, limit: int | None = None
    ) -> Iterator[Task]:
        """Reads the organization's tasks lazily, by default newest first. `limit`: how many the caller uses at most."""
        now = self.clock()
        rows = self.store.walk(organization, descending=descending, after=after, limit=limit)
        return (task for task in rows if not task.is_expired(now))

    def cancel(self, organization: str, task_id: str) -> Cancellation:
        """Cancels the task if it exists, has not ended, and can be canceled."""

        def attempt() -> Cancellation:
            task = self.find(organization, task_id)
            if task is None or task.has_ended:
                return Cancellation.NOTHING_TO_CANCEL
            if not task.cancellable:
                return Cancellation.NOT_CANCELLABLE
            if task.task_type in self.cancellers:
                self.cancellers[task.task_type](task)
            else:
                self.store.cancel(task, now=self.clock())
            return Cancellation.CANCELED

        return retry_on_conflict(attempt, self.pause)

    def restart(self, organization: str, task_id: str) -> Task:
        """Restarts a task that failed, or that no run has leased. It continues from its saved progress.

        Raises TaskNotFound, and TaskNotRestartable if the task has ended without failing or is leased.
        """

        def attempt() -> Task:
            task = self.get(organization, task_id)
            if task.status in ENDED_WITHOUT_FAILURE:
                raise TaskNotRestartable(task_id, f"is {task.status}")
            now = self.clock()
            if task.is_leased(now):
                raise TaskNotRestartable(task_id, f"is running or waiting until {task.lease_until}")
            return self.store.restart(task, now=now)

        return retry_on_conflict(attempt, self.pause)
