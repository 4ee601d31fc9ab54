"""Runs tasks by hand against a queue in memory, which delivers messages in every way that SQS may.

    harness = new_task_harness(world, {"api_buckets_delete": worker})  a runner over the world's catalog, and its queue
    harness.start(new)             writes the row of a task, as a transaction would, and sends its message
    harness.dispatch()             passes new records of the catalog stream to the outbox
    harness.pump()                 delivers messages, in virtual time, until the queue is empty
    harness.deliver(message)       delivers one message once
    harness.queue.waiting          the messages in the queue
    harness.queue.dead             the messages that were received 10 times without success

The clock is that of the world; `pump` advances it to when the next message is due. `killing` simulates processes that
are killed during calls to AWS.
"""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from chalicelib.aws.dynamodb.table import Table
from chalicelib.core.ids import Ids
from chalicelib.tasks.outbox import Outbox
from chalicelib.tasks.queue import TaskQueue
from chalicelib.tasks.runner import Runner
from chalicelib.tasks.service import Tasks
from chalicelib.tasks.store import TaskStore
from chalicelib.tasks.task import NewTask, Task
from chalicelib.tasks.worker import Worker

if TYPE_CHECKING:
    from botocore.client import BaseClient

    from tests.support.world import FakeClock, World

URL = "https://sqs.us-east-1.amazonaws.com/123456789012/tasks"
VISIBILITY_SECONDS = 360
MAX_RECEIVE_COUNT = 10
FUNCTION_SECONDS = 300.0
MAX_DELIVERIES = 5000


class ProcessKilled(BaseException):
    """Simulates that the process is killed. A BaseException, so that no `except Exception` handles it."""


@dataclass
class Message:
    """A message in the queue. `due`: when it becomes visible, in seconds since the epoch."""

    message_id: str
    body: str
    due: float
    received: int = 0

    @property
    def content(self) -> Any:
        return json.loads(self.body)


@dataclass
class MemoryQueue:
    """An SQS client with a single queue. `seconds` returns the current time."""

    seconds: Callable[[], float]
    waiting: list[Message] = field(default_factory=list)
    dead: list[Message] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    on_call: Callable[[str], None] = field(default=lambda name: None)
    url: str = URL
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def send_message(self, *, QueueUrl: str, MessageBody: str, DelaySeconds: int = 0) -> Any:
        assert QueueUrl == self.url
        return self.send(MessageBody, DelaySeconds)

    def send(self, body: str, delay_seconds: int) -> Any:
        self.record_call("send_message")
        return {"MessageId": self.add(body, delay_seconds).message_id}

    def add(self, body: str, delay_seconds: int) -> Message:
        """Adds a message, which becomes visible after the delay."""
        assert 0 <= delay_seconds <= 900
        message = Message(f"{self.url[-7:]}-{next(self._numbers)}", body, self.seconds() + delay_seconds)
        self.waiting.append(message)
        return message

    def send_message_batch(self, *, QueueUrl: str, Entries: Sequence[Mapping[str, Any]]) -> Any:
        raise AssertionError("tasks send their messages one by one")

    def change_message_visibility(self, *, QueueUrl: str, ReceiptHandle: str, VisibilityTimeout: int) -> Any:
        assert QueueUrl == self.url
        return self.postpone(ReceiptHandle=ReceiptHandle, VisibilityTimeout=VisibilityTimeout)

    def postpone(self, *, ReceiptHandle: str, VisibilityTimeout: int) -> Any:
        self.record_call("change_message_visibility")
        assert 0 <= VisibilityTimeout <= 43_200
        for message in self.waiting:
            if ReceiptHandle == message.message_id:
                message.due = self.seconds() + VisibilityTimeout
        return {}

    def record_call(self, name: str) -> None:
        self.calls.append(name)
        self.on_call(name)

    def receive(self, message: Message) -> Mapping[str, Any]:
        """Receives a message, which hides it for the visibility timeout. Returns the record of an SQS event."""
        message.received += 1
        message.due = self.seconds() + VISIBILITY_SECONDS
        return record_of(message)

    def delete(self, message: Message) -> None:
        """Deletes a message, as SQS does after a successful delivery."""
        if message in self.waiting:
            self.waiting.remove(message)

    def move_dead_letters(self) -> None:
        """Moves messages that were received too many times to the dead letters."""
        for message in [each for each in self.waiting if each.received >= MAX_RECEIVE_COUNT]:
            self.waiting.remove(message)
            self.dead.append(message)


def record_of(message: Message) -> dict[str, Any]:
    """A message in the form in which Lambda delivers it."""
    return {
        "messageId": message.message_id,
        "receiptHandle": message.message_id,
        "body": message.body,
        "attributes": {"ApproximateReceiveCount": str(message.received)},
        "eventSource": "aws:sqs",
    }


@dataclass
class FakeContext:
    """A Lambda context. Each request for the remaining time reduces it by `seconds_per_call`."""

    remaining: float = FUNCTION_SECONDS
    seconds_per_call: float = 0.0

    def get_remaining_time_in_millis(self) -> int:
        self.remaining -= self.seconds_per_call
        return int(1000 * self.remaining)


@dataclass
class TaskHarness:
    """Tasks, their queue and their runner, driven by a test."""

    tasks: Tasks
    table: Table
    queue: MemoryQueue
    runner: Runner
    outbox: Outbox
    clock: FakeClock
    records: Callable[[], list[dict[str, Any]]]
    seconds_per_slice: float = 0.0

    def start(self, new: NewTask) -> Task:
        """Stores a task and sends its message."""
        self.table.transact([self.tasks.step(new)])
        self.dispatch()
        return self.tasks.get(new.organization, new.task_id)

    def dispatch(self, times: int = 1) -> None:
        """Passes the new records of the catalog stream to the outbox, `times` times."""
        records = self.records()
        for _ in range(times):
            self.outbox.dispatch(records)

    def read(self, task: Task | NewTask) -> Task:
        """The current state of a task."""
        return self.tasks.get(task.organization, task.task_id)

    def deliver(self, message: Message) -> bool:
        """Delivers a message once. Returns whether it was handled successfully."""
        record = self.queue.receive(message)
        response = self.runner.handle({"Records": [record]}, FakeContext(seconds_per_call=self.seconds_per_slice))
        failed = [each["itemIdentifier"] for each in response["batchItemFailures"]]
        assert failed in ([], [message.message_id])
        if not failed:
            self.queue.delete(message)
        return not failed

    def pump(self, *, rng: random.Random | None = None, repeats: int = 1) -> int:
        """Delivers messages in the order in which they are due until the queue is empty. Returns how many it delivered.

        With `rng` the order of due messages is random, and each is delivered up to `repeats` times, even if it was
        handled successfully.
        """
        for count in range(MAX_DELIVERIES):
            self.queue.move_dead_letters()
            if not self.queue.waiting:
                return count
            message = self._next(rng)
            for _ in range(rng.randint(1, repeats) if rng else 1):
                try:
                    self.deliver(message)
                except ProcessKilled:
                    continue
        raise AssertionError("the queue is not empty after MAX_DELIVERIES deliveries")

    def _next(self, rng: random.Random | None) -> Message:
        now = self.clock.now.timestamp()
        due = [message for message in self.queue.waiting if message.due <= now]
        if due and rng:
            return rng.choice(due)
        message = min(self.queue.waiting, key=lambda each: each.due)
        self.clock.advance(max(0.0, message.due - now))
        return message


def new_task_harness(world: World, workers: Mapping[str, Worker], *, margin_seconds: float = 45.0) -> TaskHarness:
    """A harness over the world's catalog table. `workers` maps task types to workers."""
    table = Table(world.client, world.tables.catalog, sleep=lambda seconds: None, budget_seconds=0.2)
    store = TaskStore(table)

    def seconds() -> float:
        return world.clock.now.timestamp()

    queue = MemoryQueue(seconds)
    task_queue = TaskQueue(lambda: queue, URL)
    factories: dict[str, Callable[[], Worker]] = {name: _returning(worker) for name, worker in workers.items()}
    return TaskHarness(
        Tasks(store, Ids(world.clock), world.clock, pause=lambda seconds: None),
        table,
        queue,
        Runner(store, task_queue, factories, world.clock, margin_seconds),
        Outbox(task_queue),
        world.clock,
        world.pump.catalog.new,
    )


def _returning(worker: Worker) -> Callable[[], Worker]:
    return lambda: worker


@contextmanager
def killing(queue: MemoryQueue, *clients: BaseClient, at: Callable[[int], bool]) -> Iterator[list[int]]:
    """Raises ProcessKilled at each call to AWS, numbered from 1, for which `at` returns True.

    Calls of `clients` with an even number are executed first; all other calls are not executed. Yields the list of the
    numbers at which it was raised.
    """
    killed: list[int] = []
    numbers = itertools.count(1)
    afterwards: list[int] = []

    def before_call(**_: Any) -> None:
        number = next(numbers)
        if at(number):
            killed.append(number)
            if number % 2:
                raise ProcessKilled
            afterwards.append(number)

    def after_call(**_: Any) -> None:
        if afterwards:
            afterwards.clear()
            raise ProcessKilled

    def on_queue_call(name: str) -> None:
        number = next(numbers)
        if at(number):
            killed.append(number)
            raise ProcessKilled

    names = [(client, client.meta.service_model.service_name) for client in clients]
    for client, name in names:
        client.meta.events.register(f"before-call.{name}", before_call)
        client.meta.events.register(f"after-call.{name}", after_call)
    queue.on_call = on_queue_call
    try:
        yield killed
    finally:
        queue.on_call = lambda name: None
        for client, name in names:
            client.meta.events.unregister(f"before-call.{name}", before_call)
            client.meta.events.unregister(f"after-call.{name}", after_call)
