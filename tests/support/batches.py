"""Batches that are run by a test: an application with a queue in memory and a hook of the test.

    run = new_batch_world(client, tables, s3, blob_bucket, hook)
    run.pump()          delivers stream records, task messages and batch messages until nothing remains

The clock is that of the world; `pump` advances it to when the next message is due.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from chalicelib.objects.stored_object import StoredObject
from chalicelib.outbound.client import GuardedClient
from chalicelib.outbound.messages import GuardedResponse
from chalicelib.processing.processor import BatchContext, Processor
from chalicelib.wiring import build
from tests.support.api import Api
from tests.support.pump import Source
from tests.support.task_queue import FakeContext, MemoryQueue, Message, ProcessKilled
from tests.support.world import World

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

TASK_QUEUE = "https://sqs.us-east-1.amazonaws.com/123456789012/tasks"
BATCH_QUEUE = "https://sqs.us-east-1.amazonaws.com/123456789012/batches"
MAX_ROUNDS = 20_000
WRITE_CALLS = {"PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems"}

Hook = Callable[[StoredObject, BatchContext], Mapping[str, Any]]


@dataclass
class FakeProcessor:
    """A hook in this process. `calls` are the ids of the objects that it was called with."""

    hook: Hook
    max_seconds: float = 60.0
    calls: list[str] = field(default_factory=list)

    def process(self, stored: StoredObject, context: BatchContext) -> Mapping[str, Any]:
        self.calls.append(stored.object_id)
        return self.hook(stored, context)

    def close(self) -> None:
        """Nothing to close."""


@dataclass
class Queues:
    """An SQS client with a queue for tasks and one for batches."""

    tasks: MemoryQueue
    batches: MemoryQueue

    def of(self, url: str) -> MemoryQueue:
        return {TASK_QUEUE: self.tasks, BATCH_QUEUE: self.batches}[url]

    def send_message(self, *, QueueUrl: str, MessageBody: str, DelaySeconds: int = 0) -> Any:
        return self.of(QueueUrl).send(MessageBody, DelaySeconds)

    def send_message_batch(self, *, QueueUrl: str, Entries: Sequence[Mapping[str, Any]]) -> Any:
        queue = self.of(QueueUrl)
        queue.record_call("send_message_batch")
        assert 0 < len(Entries) <= 10
        for entry in Entries:
            queue.add(entry["MessageBody"], entry.get("DelaySeconds", 0))
        return {"Successful": [{"Id": entry["Id"]} for entry in Entries]}

    def change_message_visibility(self, *, QueueUrl: str, **more: Any) -> Any:
        return self.of(QueueUrl).postpone(**more)


@dataclass
class FakeReceiver:
    """An HTTP client that keeps the requests, and responds with the next status; with 200 after the last."""

    requests: list[dict[str, Any]] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)

    def request(self, method: str, url: str, **request: Any) -> GuardedResponse:
        self.requests.append({"method": method, "url": url, **request})
        return GuardedResponse(self.statuses.pop(0) if self.statuses else 200, {}, b"")


@cache
def writes_of(client: DynamoDBClient) -> Counter[str]:
    """A counter of the writes of this client, which may be shared by tests."""
    writes: Counter[str] = Counter()

    def count(model: Any, **_: Any) -> None:
        writes["count"] += model.name in WRITE_CALLS

    client.meta.events.register("before-call.dynamodb", count)
    return writes


@dataclass
class BatchWorld:
    """An application whose batches a test runs."""

    world: World
    queues: Queues
    processor: FakeProcessor
    receiver: FakeReceiver
    context: Callable[[], FakeContext] = FakeContext
    killed: int = 0
    # Reading a stream takes three calls, so the streams are read only after a write.
    delivered_writes: int = -1

    @property
    def api(self) -> Api:
        return self.world.api()

    def streams(self) -> None:
        """Delivers the new records of the streams. A delivery that is killed is repeated, as by Lambda."""
        pump = self.world.pump
        writes = writes_of(self.world.client)
        while self.delivered_writes != writes["count"]:
            self.delivered_writes = writes["count"]
            for source in (pump.objects, pump.catalog):
                self._drain(source)

    def _drain(self, source: Source) -> None:
        """Delivers new records of one stream."""
        records = source.new()
        while records:
            try:
                response = source.deliver(records)
            except ProcessKilled:
                self.killed += 1
            else:
                assert not response["batchItemFailures"], response
                break

    def deliver(self, message: Message) -> bool:
        """Delivers a message of the batch queue once. Returns whether it was handled successfully."""
        record = self.queues.batches.receive(message)
        response = self.world.services.batch_messages.handle({"Records": [record]}, self.context())
        if not response["batchItemFailures"]:
            self.queues.batches.delete(message)
        return not response["batchItemFailures"]

    def deliver_task(self, message: Message) -> bool:
        """Delivers a message of the task queue once. Returns whether it was handled successfully."""
        record = self.queues.tasks.receive(message)
        response = self.world.services.runner.handle({"Records": [record]}, FakeContext())
        if not response["batchItemFailures"]:
            self.queues.tasks.delete(message)
        return not response["batchItemFailures"]

    def step(self, *, rng: random.Random | None = None, repeats: int = 1) -> bool:
        """Delivers streams and one message. Returns whether there was a message other than those of watching tasks."""
        self.streams()
        for queue in (self.queues.tasks, self.queues.batches):
            queue.move_dead_letters()
        waiting = list(self.queues.batches.waiting) + self._tasks()
        if not waiting:
            return False
        message = self._next(waiting, rng)
        for _ in range(rng.randint(1, repeats) if rng else 1):
            self._deliver(message)
        return True

    def pump(self, *, rng: random.Random | None = None, repeats: int = 1) -> int:
        """Delivers everything until no batch has work. Returns the number of deliveries."""
        for count in range(MAX_ROUNDS):
            if not self.step(rng=rng, repeats=repeats):
                self.streams()
                return count
        raise AssertionError("batches still have work after MAX_ROUNDS deliveries")

    def _deliver(self, message: Message) -> None:
        try:
            if "task_id" in message.content:
                self.deliver_task(message)
            else:
                self.deliver(message)
        except ProcessKilled:
            self.killed += 1

    def _tasks(self) -> list[Message]:
        """The messages of tasks that are due within the next minutes: not those of tasks that watch a batch."""
        now = self.world.clock.now.timestamp()
        is_idle = not self.queues.batches.waiting
        return [each for each in self.queues.tasks.waiting if each.due < now + 800 or not is_idle]

    def _next(self, waiting: list[Message], rng: random.Random | None) -> Message:
        now = self.world.clock.now.timestamp()
        due = [message for message in waiting if message.due <= now]
        if due and rng:
            return rng.choice(due)
        message = min(waiting, key=lambda each: each.due)
        self.world.clock.advance(max(0.0, message.due - now))
        return message


def completes(stored: StoredObject, context: BatchContext) -> Mapping[str, Any]:
    """A hook that changes nothing."""
    return {}


def new_batch_world(world: World, hook: Hook = completes, *, processor: Processor | None = None) -> BatchWorld:
    """An application over the tables of the world, whose batches are processed by the hook, or by a real processor."""

    def seconds() -> float:
        return world.clock.now.timestamp()

    queues = Queues(MemoryQueue(seconds, url=TASK_QUEUE), MemoryQueue(seconds, url=BATCH_QUEUE))
    fake, receiver = FakeProcessor(hook), FakeReceiver()
    settings = replace(world.settings, task_queue_url=TASK_QUEUE, batch_queue_url=BATCH_QUEUE)
    services = build(
        settings,
        world.client,
        lambda: world.s3,
        lambda: queues,
        clock=world.clock,
        processor=lambda: processor or fake,
        http=lambda: cast("GuardedClient", receiver),
    )
    return BatchWorld(replace(world, services=services, settings=settings), queues, fake, receiver)
