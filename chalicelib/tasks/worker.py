"""The protocol of workers, which do the work of tasks in slices.

A slice is a bounded piece of work, of a few seconds. The progress of a task is saved after each slice, so that another
run can continue from there after a timeout or a crash.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from chalicelib.core.record import record
from chalicelib.tasks.task import Task, TaskValues

# The limit of SQS for DelaySeconds, because the next slice is started by a delayed message.
MAX_SLICE_WAIT_SECONDS = 900


@record
class Slice:
    """The result of one slice.

    `done`: whether the task is completed. `progress`: replaces the progress of the task; the next slice, perhaps in
    another process, starts from it. Entries whose names start with `_` are not shown to clients. `outputs`: the result
    of the task. `wait_seconds`: how long to wait before the next slice, from 0 to 900.
    """

    done: bool
    progress: Mapping[str, Any]
    outputs: TaskValues | None = None
    wait_seconds: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.wait_seconds <= MAX_SLICE_WAIT_SECONDS:
            raise ValueError(f"a slice waits for 0 to {MAX_SLICE_WAIT_SECONDS} seconds, not {self.wait_seconds}")


class Worker(Protocol):
    """Does the work of tasks of one type.

    Slices must be idempotent: if the process ends before a slice is saved, it is repeated from the same progress.
    """

    def run(self, task: Task) -> Slice:
        """Runs the next slice. Any exception counts as a failed attempt, after which the slice is retried."""
