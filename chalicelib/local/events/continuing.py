"""Continues the tasks of a previous process, whose messages were only in its memory."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime

from chalicelib.aws.dynamodb.optimistic_lock import VersionConflict
from chalicelib.tasks.queue import TaskQueue
from chalicelib.tasks.store import TaskStore
from chalicelib.tasks.task import Task


def continue_tasks(store: TaskStore, queue: TaskQueue, tasks: Iterable[Task], now: datetime) -> None:
    """Sends a message for each task that has not ended, after ending its lease or its wait.

    Only the owner of the data folder runs tasks, so at its start every lease is of a process that has ended. A task
    waits for other work, for example that of a batch, whose messages ended with that process. The delay after a failed
    attempt remains.
    """
    for task in tasks:
        if not task.has_ended:
            if task.lease_owner is not None or (task.lease_until is not None and task.error is None):
                with suppress(VersionConflict):  # a command has canceled the task meanwhile
                    store.end_lease(task, now=now)
            queue.send(task.organization, task.task_id)
