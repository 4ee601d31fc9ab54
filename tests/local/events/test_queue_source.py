"""The queues of the embedded engine, and the delivery of their messages."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from chalicelib.aws.queues import LOCAL_MIRROR_QUEUE, LOCAL_TASK_QUEUE
from chalicelib.local.events.queue_source import QueueSource
from chalicelib.local.events.queues import LocalQueue, LocalSqs


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def new_source(responses: list[Any]) -> tuple[LocalQueue, QueueSource, list[Any], list[str], Clock]:
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

    return queue, QueueSource(queue, function, reported.append), seen, reported, clock


def failed(number: int = 0) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": f"local-{number}"}]}


def test_a_message_is_delivered_when_it_is_due_and_then_removed() -> None:
    queue, source, seen, _, clock = new_source([])
    assert source.deliver() is None
    queue.send("b", 5)
    assert source.deliver() == 5
    clock.now = 5
    assert source.deliver() is None
    assert [record["body"] for record in seen] == ["b"]
    assert seen[0]["attributes"] == {"ApproximateReceiveCount": "1"}


def test_a_failed_message_is_delivered_again_after_its_visibility_timeout() -> None:
    queue, source, seen, _, clock = new_source([failed(), failed()])
    queue.send("b")
    assert source.deliver() == 360
    queue.postpone("local-0", 10)
    queue.postpone("unknown", 10)
    assert source.deliver() == 10
    clock.now = 10
    source.deliver()
    clock.now = 370
    assert source.deliver() is None
    assert [record["attributes"]["ApproximateReceiveCount"] for record in seen] == ["1", "2", "3"]


def test_a_message_that_always_fails_is_reported_and_removed() -> None:
    queue, source, seen, reported, clock = new_source([ValueError("no")] * 10)
    queue.send("poison")
    while source.deliver() is not None:
        clock.now += 360
    assert len(seen) == 10
    assert "poison" in reported[-1]
    queue.send("good")
    assert source.deliver() is None
    assert seen[-1]["body"] == "good"


def test_messages_are_delivered_in_the_order_in_which_they_are_due() -> None:
    queue, source, seen, _, clock = new_source([failed()])
    for body, delay in (("a", 0), ("c", 9), ("b", 1)):
        queue.send(body, delay)
    source.deliver()
    clock.now = 9
    source.deliver()
    source.deliver()
    assert [record["body"] for record in seen] == ["a", "b", "c"]


def test_queues_are_separate_and_messages_of_a_batch_arrive_in_order() -> None:
    sqs = LocalSqs(Clock())
    entries: list[dict[str, Any]] = [
        {"Id": "a", "MessageBody": "1"},
        {"Id": "b", "MessageBody": "2", "DelaySeconds": 9},
    ]
    sent = sqs.send_message_batch(QueueUrl="batches", Entries=entries)
    assert ([each["Id"] for each in sent["Successful"]], sent["Failed"]) == (["a", "b"], [])
    sqs.send_message(QueueUrl="tasks", MessageBody="3", DelaySeconds=1)
    assert (sqs.queue("batches").delay(), sqs.queue("tasks").delay()) == (0, 1)
    message = sqs.queue("batches").receive()
    assert message is not None
    assert message.body == "1"
    sqs.change_message_visibility(QueueUrl="batches", ReceiptHandle=message.message_id, VisibilityTimeout=4)
    assert sqs.queue("batches").delay() == 4
    assert sqs.queue("other").receive() is None


@pytest.mark.parametrize("ids", [[], [str(number) for number in range(11)], ["a", "a"]])
def test_a_batch_of_messages_has_the_limits_of_sqs(ids: list[str]) -> None:
    with pytest.raises(ValueError, match="1 to 10 entries"):
        LocalSqs().send_message_batch(QueueUrl="q", Entries=[{"Id": name, "MessageBody": "b"} for name in ids])


def test_every_thread_that_waits_for_a_queue_is_woken() -> None:
    queue, wakes = LocalQueue(Clock()), [threading.Event(), threading.Event()]
    for wake in wakes:
        queue.wake(wake)
    message = queue.send("b")
    assert all(wake.is_set() for wake in wakes)
    for wake in wakes:
        wake.clear()
    queue.postpone(message.message_id, 1)
    assert all(wake.is_set() for wake in wakes)


def test_a_message_is_received_by_one_thread() -> None:
    queue = LocalQueue()
    for number in range(200):
        queue.send(str(number))
    received: list[str] = []

    def receive() -> None:
        while (message := queue.receive()) is not None:
            received.append(message.body)

    threads = [threading.Thread(target=receive) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(received, key=int) == [str(number) for number in range(200)]


def test_a_message_about_a_file_by_url_is_hidden_for_as_long_as_its_function_may_work() -> None:
    queues = LocalSqs(lambda: 0.0)
    for url, seconds in ((LOCAL_MIRROR_QUEUE, 960.0), (LOCAL_TASK_QUEUE, 360.0)):
        queue = queues.queue(url)
        queue.send("{}")
        assert queue.receive() is not None
        assert queue.delay() == seconds
