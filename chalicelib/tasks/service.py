"""What may be done with tasks: start, look at, cancel, start again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

from chalicelib.aws.dynamodb.optimistic_lock import retry_on_conflict
from chalicelib.aws.dynamodb.writes import Put
from chalicelib.core.clock import Clock, format_timestamp
from chalicelib.core.ids import Ids, is_id
from chalicelib.core.statuses import TaskStatusEnum
from chalicelib.tasks.errors import TaskNotFound, TaskNotRestartable
from chalicelib.tasks.store import TaskStore
from chalicelib.tasks.task import NewTask, Task, TaskValues
from chalicelib.tasks.task_types import TASK_TYPES

PREFIX = "task"
ENDED_WELL = (TaskStatusEnum.COMPLETED, TaskStatusEnum.COMPLETED_WITH_ERRORS, TaskStatusEnum.CANCELED)


class Cancellation(Enum):
    """What came of the wish to cancel a task."""

    CANCELED = auto()
    GOES_ON = auto()
    NOTHING_TO_CANCEL = auto()


@dataclass(frozen=True, slots=True)
class Tasks:
    """The tasks of every organization; a call never leaves the organization it names."""

    store: TaskStore
    ids: Ids
    clock: Clock
    pause: Callable[[float], None] = field(default=time.sleep)

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
        """A task with an id, which begins once its `step` is part of a transaction that was made.

        Raises ValueError for a type that clients cannot read.
        """
        if task_type not in TASK_TYPES:
            raise ValueError(f"no client knows tasks of the type {task_type!r}")
        # Of one and the same moment, so that the order of ids is that of `created_at`.
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
        """Starts the task, in the transaction that makes it necessary: it begins if that is made, and only then."""
        return self.store.step(new, self.clock())

    def find(self, organization: str, task_id: str) -> Task | None:
        """The task of this id in the organization; none once its time is over."""
        if not is_id(task_id, PREFIX):
            return None
        task = self.store.find(organization, task_id)
        return task if task is not None and task.is_kept(self.clock()) else None

    def get(self, organization: str, task_id: str) -> Task:
        """The task of this id. Raises TaskNotFound."""
        task = self.find(organization, task_id)
        if task is None:
            raise TaskNotFound(task_id)
        return task

    def walk(
        self, organization: str, *, descending: bool = True, after: str | None = None, at_most: int | None = None
    ) -> Iterator[Task]:
        """The organization's tasks, newest first; `at_most` says how many will be taken. Read lazily."""
        now = self.clock()
        rows = self.store.walk(organization, descending=descending, after=after, at_most=at_most)
        return (task for task in rows if task.is_kept(now))

    def cancel(self, organization: str, task_id: str) -> Cancellation:
        """Cancels the task, if there is one that can be canceled."""

        def attempt() -> Cancellation:
            task = self.find(organization, task_id)
            if task is None or task.has_ended:
                return Cancellation.NOTHING_TO_CANCEL
            if not task.cancellable:
                return Cancellation.GOES_ON
            self.store.cancel(task, now=self.clock())
            return Cancellation.CANCELED

        return retry_on_conflict(attempt, self.pause)

    def restart(self, organization: str, task_id: str) -> Task:
        """The task, which goes on from where it had come: one that failed, or that nobody works on.

        Raises TaskNotFound, TaskNotRestartable.
        """

        def attempt() -> Task:
            task = self.get(organization, task_id)
            if task.status in ENDED_WELL:
                raise TaskNotRestartable(task_id, f"is {task.status}")
            now = self.clock()
            if task.is_held(now):
                raise TaskNotRestartable(task_id, f"is being worked on, or rests, until {task.lease_until}")
            return self.store.restart(task, now=now)

        return retry_on_conflict(attempt, self.pause)
