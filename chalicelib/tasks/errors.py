"""Errors raised by the tasks package."""

from __future__ import annotations

from chalicelib.core.errors import Conflict, NotFound


class TaskNotFound(NotFound):
    """The organization has no task with this id, or the task's retention period has ended."""

    message = "Task not found"

    def __init__(self, task_id: str) -> None:
        super().__init__(details={"resource": "task", "id": task_id})


class TaskNotRestartable(Conflict):
    """The task is running or waiting to be retried, or it has ended without an error."""

    code = "task_not_restartable"

    def __init__(self, task_id: str, reason: str) -> None:
        super().__init__(f"The task {reason}", details={"resource": "task", "id": task_id})
