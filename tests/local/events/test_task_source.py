"""The task queue of the embedded engine."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.core.statuses import TaskStatusEnum
from chalicelib.local.events.task_source import URL, LocalQueue, TaskSource, continue_tasks
from chalicelib.tasks.queue import TaskQueue
from tests.support.task_queue import FakeContext, ProcessKilled, new_task_harness
from tests.support.world import World
from tests.tasks.conftest import TYPE, CountingWorker, ScriptedWorker, new_task


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def new_source(responses: list[Any]) -> tuple[LocalQueue, TaskSource, list[Any], list[str], Clock]:
    clock = Clock()
    seen: list[Any] = []
    reported: list[str] = []
    queue = LocalQueue(clock)

    def function(event: dict[str, Any]) -> Any:
        (record,) = event["Records"]
        seen.append(record)
        response = responses.pop(0) if responses else None
        if isinstance(response, Exception):
            raise response
        return response

    return queue, TaskSource(queue, function, reported.append), seen, reported, clock


def failed(number: int = 0) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": f"local-{number}"}]}


def test_a_message_is_delivered_when_it_is_due_and_then_removed() -> None:
    queue, source, seen, _, clock = new_source([])
    assert source.deliver() is None
    queue.send_message(QueueUrl=URL, MessageBody="b", DelaySeconds=5)
    assert source.deliver() == 5
    clock.now = 5
    assert source.deliver() is None
    assert [record["body"] for record in seen] == ["b"]
    assert seen[0]["attributes"] == {"ApproximateReceiveCount": "1"}


def test_a_failed_message_is_delivered_again_after_its_visibility_timeout() -> None:
    queue, source, seen, _, clock = new_source([failed(), failed()])
    queue.send_message(QueueUrl=URL, MessageBody="b")
    assert source.deliver() == 360
    queue.change_message_visibility(QueueUrl=URL, ReceiptHandle="local-0", VisibilityTimeout=10)
    queue.change_message_visibility(QueueUrl=URL, ReceiptHandle="unknown", VisibilityTimeout=10)
    assert source.deliver() == 10
    clock.now = 10
    source.deliver()
    clock.now = 370
    assert source.deliver() is None
    assert [record["attributes"]["ApproximateReceiveCount"] for record in seen] == ["1", "2", "3"]


def test_a_message_that_always_fails_is_reported_and_removed() -> None:
    queue, source, seen, reported, clock = new_source([ValueError("no")] * 10)
    queue.send_message(QueueUrl=URL, MessageBody="poison")
    while source.deliver() is not None:
        clock.now += 360
    assert len(seen) == 10
    assert "poison" in reported[-1]
    queue.send_message(QueueUrl=URL, MessageBody="good")
    assert source.deliver() is None
    assert seen[-1]["body"] == "good"


def test_messages_are_delivered_in_the_order_in_which_they_are_due() -> None:
    queue, source, seen, _, clock = new_source([failed()])
    for body, delay in (("a", 0), ("c", 9), ("b", 1)):
        queue.send_message(QueueUrl=URL, MessageBody=body, DelaySeconds=delay)
    source.deliver()
    clock.now = 9
    source.deliver()
    source.deliver()
    assert [record["body"] for record in seen] == ["a", "b", "c"]


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
    queue = LocalQueue(Clock())
    tasks = restarted.tasks.walk(world.organization_id)
    continue_tasks(restarted.runner.store, TaskQueue(lambda: queue, URL), tasks, world.clock())
    source = TaskSource(queue, lambda event: restarted.runner.handle(event, FakeContext()), print)
    assert source.deliver() is None  # and not after 330 seconds
    assert restarted.read(task).status == TaskStatusEnum.COMPLETED


def test_a_start_keeps_the_delay_of_a_task_that_failed(world: World) -> None:
    harness = new_task_harness(world, {TYPE: ScriptedWorker([LookupError("no")])})
    task = harness.start(new_task(harness, world))
    (message,) = harness.queue.waiting
    harness.deliver(message)
    before = harness.read(task)
    assert before.lease_until is not None
    queue = LocalQueue(Clock())
    continue_tasks(harness.runner.store, TaskQueue(lambda: queue, URL), [before], world.clock())
    assert harness.read(task) == before


def test_a_start_continues_every_waiting_task(world: World) -> None:
    line = new_task_harness(world, {TYPE: CountingWorker()})
    line.start(new_task(line, world))
    line.pump()
    waiting = line.start(new_task(line, world))
    line.queue.waiting.clear()
    queue = LocalQueue(Clock())
    continue_tasks(
        line.runner.store, TaskQueue(lambda: queue, URL), line.tasks.walk(world.organization_id), world.clock()
    )
    source = TaskSource(queue, lambda event: line.runner.handle(event, FakeContext()), print)
    assert source.deliver() is None
    assert line.read(waiting).outputs == [{"counted": 3}]
