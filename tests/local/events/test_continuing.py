"""A start of the embedded engine continues the tasks of the process before."""

from __future__ import annotations

import pytest

from chalicelib.aws.queues import LOCAL_TASK_QUEUE
from chalicelib.core.statuses import TaskStatusEnum
from chalicelib.local.events.continuing import continue_tasks
from chalicelib.local.events.queue_source import QueueSource
from chalicelib.local.events.queues import LocalQueue, LocalSqs
from chalicelib.tasks.queue import TaskQueue
from chalicelib.tasks.task import Task
from chalicelib.tasks.worker import Slice
from tests.support.task_queue import FakeContext, ProcessKilled, TaskHarness, new_task_harness
from tests.support.world import World
from tests.tasks.conftest import TYPE, CountingWorker, ScriptedWorker, new_task


def start_again(harness: TaskHarness, world: World, tasks: list[Task] | None = None) -> LocalQueue:
    """Continues the tasks as a start does, and returns the new queue."""
    sqs = LocalSqs(lambda: 0.0)
    found = harness.tasks.walk(world.organization_id) if tasks is None else tasks
    continue_tasks(harness.runner.store, TaskQueue(lambda: sqs, LOCAL_TASK_QUEUE), found, world.clock())
    return sqs.queue(LOCAL_TASK_QUEUE)


def source(harness: TaskHarness, queue: LocalQueue) -> QueueSource:
    return QueueSource(queue, lambda event: harness.runner.handle(event, FakeContext()), print)


def kill(_: int) -> None:
    raise ProcessKilled


def test_a_start_continues_at_once_a_task_that_a_killed_process_had_leased(world: World) -> None:
    harness = new_task_harness(world, {TYPE: CountingWorker(before_slice=kill)})
    task = harness.start(new_task(harness, world))
    (message,) = harness.queue.waiting
    with pytest.raises(ProcessKilled):
        harness.deliver(message)
    assert harness.read(task).lease_owner is not None

    restarted = new_task_harness(world, {TYPE: CountingWorker()})
    assert source(restarted, start_again(restarted, world)).deliver() is None  # and not after 330 seconds
    assert restarted.read(task).status == TaskStatusEnum.COMPLETED


def test_a_start_keeps_the_delay_of_a_task_that_failed(world: World) -> None:
    harness = new_task_harness(world, {TYPE: ScriptedWorker([LookupError("no")])})
    task = harness.start(new_task(harness, world))
    (message,) = harness.queue.waiting
    harness.deliver(message)
    before = harness.read(task)
    assert before.lease_until is not None
    start_again(harness, world, [before])
    assert harness.read(task) == before


def test_a_start_continues_every_waiting_task(world: World) -> None:
    line = new_task_harness(world, {TYPE: CountingWorker()})
    line.start(new_task(line, world))
    line.pump()
    waiting = line.start(new_task(line, world))
    line.queue.waiting.clear()
    assert source(line, start_again(line, world)).deliver() is None
    assert line.read(waiting).outputs == [{"counted": 3}]


def test_a_start_ends_the_wait_of_a_task(world: World) -> None:
    waiting = Slice(done=False, progress={"seen": 1}, wait_seconds=900)
    harness = new_task_harness(world, {TYPE: ScriptedWorker([waiting, Slice(done=True, progress={})])})
    task = harness.start(new_task(harness, world))
    (message,) = harness.queue.waiting
    assert harness.deliver(message)
    assert harness.read(task).is_leased(world.clock())
    assert source(harness, start_again(harness, world)).deliver() is None
    assert harness.read(task).status == TaskStatusEnum.COMPLETED


def test_a_task_that_changes_meanwhile_is_left_to_its_message(world: World) -> None:
    harness = new_task_harness(world, {TYPE: CountingWorker(before_slice=kill)})
    harness.start(new_task(harness, world))
    (message,) = harness.queue.waiting
    with pytest.raises(ProcessKilled):
        harness.deliver(message)
    tasks = list(harness.tasks.walk(world.organization_id))
    harness.runner.store.end_lease(tasks[0], now=world.clock())
    assert start_again(harness, world, tasks).delay() == 0
