"""The task queue of the embedded engine."""

from __future__ import annotations

from typing import Any

from chalicelib.local.events.task_source import URL, LocalQueue, TaskSource, enqueue_waiting_tasks
from chalicelib.tasks.queue import TaskQueue
from tests.support.task_queue import FakeContext, new_task_harness
from tests.support.world import World
from tests.tasks.conftest import TYPE, CountingWorker, new_task


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


def test_a_start_continues_every_waiting_task(world: World) -> None:
    line = new_task_harness(world, {TYPE: CountingWorker()})
    line.start(new_task(line, world))
    line.pump()
    waiting = line.start(new_task(line, world))
    line.queue.waiting.clear()
    queue = LocalQueue(Clock())
    enqueue_waiting_tasks(TaskQueue(lambda: queue, URL), line.tasks.walk(world.organization_id))
    source = TaskSource(queue, lambda event: line.runner.handle(event, FakeContext()), print)
    assert source.deliver() is None
    assert line.read(waiting).outputs == [{"counted": 3}]
