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
    """A worker that counts to `end`, by one in each slice, and records the count with which each slice started.

    `before_slice` is called with that count and may raise.
    """

    end: int = 3
    before_slice: Callable[[int], None] = field(default=lambda count: None)
    slices: list[int] = field(default_factory=list)

    def run(self, task: Task) -> Slice:
        count = task.progress.get("counted", 0)
        self.slices.append(count)
        self.before_slice(count)
        progress: Mapping[str, Any] = {"counted": count + 1, "_position": f"secret-{count}"}
        done = count + 1 >= self.end
        return Slice(done, progress, [{"counted": count + 1}] if done else None)


@dataclass
class ScriptedWorker:
    """A worker that returns these slices, or raises these errors, one after another."""

    script: list[Slice | Exception]
    seen: list[Mapping[str, Any]] = field(default_factory=list)

    def run(self, task: Task) -> Slice:
        self.seen.append(task.progress)
        next_ = self.script.pop(0)
        if isinstance(next_, Exception):
            raise next_
        return next_


def new_task(harness: TaskHarness, world: World, **more: Any) -> NewTask:
    """A task that is not stored yet."""
    fields = {"inputs": ["bkt_1"], "about": {"bucket_id": "bkt_1"}, **more}
    return harness.tasks.new(world.organization_id, TYPE, **fields)


@pytest.fixture
def harness_with(world: World) -> NewHarness:
    """Builds a harness whose tasks are done by the given worker."""

    def make(worker: Worker, **more: Any) -> TaskHarness:
        return new_task_harness(world, {TYPE: worker}, **more)

    return make
