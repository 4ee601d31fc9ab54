"""A queue of tasks in memory, and a pump that delivers it by hand, in all the ways in which SQS may.

    line = new_task_harness(world, {"api_buckets_delete": worker})  # a runner over the world's catalog, and its queue
    line.start(new)                  writes the task's row, as a transaction would, and dispatches its message
    line.dispatch()                  what the catalog's stream tells, put into the queue
    line.pump()                      everything is delivered, in virtual time, until nothing waits
    line.deliver(message)            one delivery of this message; `.deliver(message, times=5)` repeats it
    line.queue.waiting / .dead       the messages in the queue, and those that came ten times in vain

The clock is that of the world; `pump` moves it to where the next message is due. `killing` ends the process at calls.
"""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Callable, Iterator, Mapping
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
    """The process ends; nothing in it may notice."""


@dataclass
class Message:
    """A message in the queue, and when it may be seen."""

    message_id: str
    body: str
    due: float
    received: int = 0

    @property
    def content(self) -> Any:
        return json.loads(self.body)


@dataclass
class MemoryQueue:
    """A client of SQS with a single queue in it. `seconds` is its clock."""

    seconds: Callable[[], float]
    waiting: list[Message] = field(default_factory=list)
    dead: list[Message] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    on_call: Callable[[str], None] = field(default=lambda name: None)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def send_message(self, *, QueueUrl: str, MessageBody: str, DelaySeconds: int = 0) -> Any:
        self.record_call("send_message")
        assert QueueUrl == URL
        assert 0 <= DelaySeconds <= 900
        message = Message(f"m-{next(self._numbers)}", MessageBody, self.seconds() + DelaySeconds)
        self.waiting.append(message)
        return {"MessageId": message.message_id}

    def change_message_visibility(self, *, QueueUrl: str, ReceiptHandle: str, VisibilityTimeout: int) -> Any:
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
        """The record of an SQS event with this message, which is not seen again for a while."""
        message.received += 1
        message.due = self.seconds() + VISIBILITY_SECONDS
        return record_of(message)

    def delete(self, message: Message) -> None:
        """The message has been dealt with."""
        if message in self.waiting:
            self.waiting.remove(message)

    def move_dead_letters(self) -> None:
        """Messages that came too often are dead letters by now."""
        for message in [each for each in self.waiting if each.received >= MAX_RECEIVE_COUNT]:
            self.waiting.remove(message)
            self.dead.append(message)


def record_of(message: Message) -> dict[str, Any]:
    """A message as Lambda hands it on."""
    return {
        "messageId": message.message_id,
        "receiptHandle": message.message_id,
        "body": message.body,
        "attributes": {"ApproximateReceiveCount": str(message.received)},
        "eventSource": "aws:sqs",
    }


@dataclass
class FakeContext:
    """What is left of a call of the function: this much, less `each` at every look."""

    left: float = FUNCTION_SECONDS
    each: float = 0.0

    def get_remaining_time_in_millis(self) -> int:
        self.left -= self.each
        return int(1000 * self.left)


@dataclass
class TaskHarness:
    """Tasks, their queue and their runner, driven by hand."""

    tasks: Tasks
    table: Table
    queue: MemoryQueue
    runner: Runner
    outbox: Outbox
    clock: FakeClock
    records: Callable[[], list[dict[str, Any]]]
    seconds_per_slice: float = 0.0

    def start(self, new: NewTask) -> Task:
        """A task whose row is there, and whose message waits."""
        self.table.transact([self.tasks.step(new)])
        self.dispatch()
        return self.tasks.get(new.organization, new.task_id)

    def dispatch(self, times: int = 1) -> None:
        """What the stream tells, put into the queue so many times."""
        records = self.records()
        for _ in range(times):
            self.outbox.dispatch(records)

    def read(self, task: Task | NewTask) -> Task:
        """The task as it is now."""
        return self.tasks.get(task.organization, task.task_id)

    def deliver(self, message: Message) -> bool:
        """One delivery of one message. Whether it was dealt with."""
        record = self.queue.receive(message)
        answer = self.runner.handle({"Records": [record]}, FakeContext(each=self.seconds_per_slice))
        failed = [each["itemIdentifier"] for each in answer["batchItemFailures"]]
        assert failed in ([], [message.message_id])
        if not failed:
            self.queue.delete(message)
        return not failed

    def pump(self, *, chance: random.Random | None = None, repeats: int = 1) -> int:
        """Delivers what is due, then what is next due, until nothing waits. How many deliveries it took.

        With `chance` the order is any, and messages come up to `repeats` times, also when they are dealt with.
        """
        for count in range(MAX_DELIVERIES):
            self.queue.move_dead_letters()
            if not self.queue.waiting:
                return count
            message = self._next(chance)
            for _ in range(chance.randint(1, repeats) if chance else 1):
                try:
                    self.deliver(message)
                except ProcessKilled:
                    continue
        raise AssertionError("the queue does not come to rest")

    def _next(self, chance: random.Random | None) -> Message:
        now = self.clock.now.timestamp()
        due = [message for message in self.queue.waiting if message.due <= now]
        if due and chance:
            return chance.choice(due)
        message = min(self.queue.waiting, key=lambda each: each.due)
        self.clock.advance(max(0.0, message.due - now))
        return message


def new_task_harness(world: World, workers: Mapping[str, Worker], *, margin_seconds: float = 45.0) -> TaskHarness:
    """A line over the world's catalog, whose tasks these workers do."""
    table = Table(world.client, world.tables.catalog, sleep=lambda seconds: None, budget_seconds=0.2)
    store = TaskStore(table)

    def seconds() -> float:
        return world.clock.now.timestamp()

    queue = MemoryQueue(seconds)
    task_queue = TaskQueue(lambda: queue, URL)
    made: dict[str, Callable[[], Worker]] = {name: _giving(worker) for name, worker in workers.items()}
    return TaskHarness(
        Tasks(store, Ids(world.clock), world.clock, pause=lambda seconds: None),
        table,
        queue,
        Runner(store, task_queue, made, world.clock, margin_seconds),
        Outbox(task_queue),
        world.clock,
        world.pump.catalog.new,
    )


def _giving(worker: Worker) -> Callable[[], Worker]:
    return lambda: worker


@contextmanager
def killing(queue: MemoryQueue, *clients: BaseClient, at: Callable[[int], bool]) -> Iterator[list[int]]:
    """Ends the process at each call of AWS for whose number, from 1, `at` says so, while this lasts.

    Half of the calls that end it have been made, as nobody can tell. Gives the numbers of those calls.
    """
    killed: list[int] = []
    numbers = itertools.count(1)
    afterwards: list[int] = []

    def before(**_: Any) -> None:
        number = next(numbers)
        if at(number):
            killed.append(number)
            if number % 2:
                raise ProcessKilled
            afterwards.append(number)

    def after(**_: Any) -> None:
        if afterwards:
            afterwards.clear()
            raise ProcessKilled

    def sent(name: str) -> None:
        number = next(numbers)
        if at(number):
            killed.append(number)
            raise ProcessKilled

    names = [(client, client.meta.service_model.service_name) for client in clients]
    for client, name in names:
        client.meta.events.register(f"before-call.{name}", before)
        client.meta.events.register(f"after-call.{name}", after)
    queue.on_call = sent
    try:
        yield killed
    finally:
        queue.on_call = lambda name: None
        for client, name in names:
            client.meta.events.unregister(f"before-call.{name}", before)
            client.meta.events.unregister(f"after-call.{name}", after)
