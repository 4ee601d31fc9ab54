from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from chalicelib.tasks.task import NewTask, Task
from chalicelib.tasks.worker import Slice, Worker
from tests.support.task_queue import TaskHarness, new_task_harness
from tests.support.world import World

TYPE = "api_buckets_delete"
NewHarness = Callable[..., TaskHarness]


@dataclass
class CountingWorker:
    """A worker that counts to a number, one more with each slice, and remembers the slices it was asked for.

    `trouble` may raise when it is asked for the slice after this count.
    """

    end: int = 3
    trouble: Callable[[int], None] = field(default=lambda count: None)
    slices: list[int] = field(default_factory=list)

    def run(self, task: Task) -> Slice:
        count = task.progress.get("counted", 0)
        self.slices.append(count)
        self.trouble(count)
        progress: Mapping[str, Any] = {"counted": count + 1, "_place": f"secret-{count}"}
        done = count + 1 >= self.end
        return Slice(done, progress, [{"counted": count + 1}] if done else None)


@dataclass
class ScriptedWorker:
    """A worker that gives these slices, one after the other."""

    script: list[Slice | Exception]
    seen: list[Mapping[str, Any]] = field(default_factory=list)

    def run(self, task: Task) -> Slice:
        self.seen.append(task.progress)
        next_ = self.script.pop(0)
        if isinstance(next_, Exception):
            raise next_
        return next_


def a_task(harness: TaskHarness, world: World, **more: Any) -> NewTask:
    """A task that is not started yet."""
    given = {"inputs": ["bkt_1"], "about": {"bucket_id": "bkt_1"}, **more}
    return harness.tasks.new(world.organization_id, TYPE, **given)


@pytest.fixture
def harness_with(world: World) -> NewHarness:
    """A line whose tasks this worker does."""

    def make(worker: Worker, **more: Any) -> TaskHarness:
        return new_task_harness(world, {TYPE: worker}, **more)

    return make
