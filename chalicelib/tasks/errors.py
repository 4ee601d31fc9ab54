"""The noes of the tasks room."""

from __future__ import annotations

from chalicelib.core.errors import Conflict, NotFound


class TaskNotFound(NotFound):
    """No task of this id is in the organization, or its time is over."""

    message = "Task not found"

    def __init__(self, task_id: str) -> None:
        super().__init__(details={"resource": "task", "id": task_id})


class TaskNotRestartable(Conflict):
    """The task is being worked on, or has ended well."""

    code = "task_not_restartable"

    def __init__(self, task_id: str, why: str) -> None:
        super().__init__(f"The task {why}", details={"resource": "task", "id": task_id})
