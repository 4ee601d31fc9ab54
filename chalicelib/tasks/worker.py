"""What does the work of a task, a slice at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from chalicelib.tasks.task import Task, TaskValues

MAX_SLICE_WAIT_SECONDS = 900


@dataclass(frozen=True, slots=True)
class Slice:
    """A piece of work that has been done.

    `progress` takes the place of the task's; the next slice starts from it, maybe in another process. Names in
    it that begin with `_` are the worker's own, all others are shown. `wait_seconds`, of which there are 900 at
    most, pass before the next slice.
    """

    done: bool
    progress: Mapping[str, Any]
    outputs: TaskValues | None = None
    wait_seconds: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.wait_seconds <= MAX_SLICE_WAIT_SECONDS:
            raise ValueError(f"a slice waits for 0 to {MAX_SLICE_WAIT_SECONDS} seconds, not {self.wait_seconds}")


class Worker(Protocol):
    """Does the tasks of one type.

    A slice takes seconds. It may be done again from the same progress, when the process ended before it was
    saved, so doing it twice must come to the same as once.
    """

    def run(self, task: Task) -> Slice:
        """Does the next slice. Whatever is raised counts as an attempt, and is tried again."""
