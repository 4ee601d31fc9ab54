"""The queue of tasks without AWS: in memory, and a source of events for the pump, with the manners of SQS and Lambda.

Nothing of it outlives the process, and nothing must: a start sends a message for every task that waits, and what
was under way goes on once nobody holds it any more.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from chalicelib.tasks.queue import TaskQueue
from chalicelib.tasks.task import Task

URL = "embedded"
VISIBILITY_SECONDS = 360.0
MAX_RECEIVES = 10

Function = Callable[[dict[str, Any]], Any]


@dataclass(slots=True)
class QueuedMessage:
    """A message in the queue, and when it may be seen."""

    message_id: str
    body: str
    due: float
    received: int = 0


@dataclass(slots=True)
class LocalQueue:
    """A client of SQS with a single queue, which is in this process."""

    seconds: Callable[[], float] = time.monotonic
    _held: dict[str, QueuedMessage] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def send_message(self, *, QueueUrl: str, MessageBody: str, DelaySeconds: int = 0) -> Any:
        """Puts a message into the queue, to be seen after so many seconds."""
        message = QueuedMessage(f"local-{next(self._numbers)}", MessageBody, self.seconds() + DelaySeconds)
        self._held[message.message_id] = message

    def change_message_visibility(self, *, QueueUrl: str, ReceiptHandle: str, VisibilityTimeout: int) -> Any:
        """Has a message that was received come again after so many seconds."""
        if ReceiptHandle in self._held:
            self._held[ReceiptHandle].due = self.seconds() + VisibilityTimeout

    def receive(self) -> QueuedMessage | None:
        """The message that is due for longest, if one is; it is not seen again for a while."""
        message = self._next()
        if message is None or message.due > self.seconds():
            return None
        message.received += 1
        message.due = self.seconds() + VISIBILITY_SECONDS
        return message

    def forget(self, message: QueuedMessage) -> None:
        """The message is not needed any more."""
        self._held.pop(message.message_id, None)

    def delay(self) -> float | None:
        """In how many seconds the next message is due; None where none waits."""
        message = self._next()
        return None if message is None else max(0.0, message.due - self.seconds())

    def _next(self) -> QueuedMessage | None:
        # A copy: other threads may send meanwhile.
        return min(list(self._held.values()), key=lambda each: each.due, default=None)


@cache
def local_queue() -> LocalQueue:
    """The queue of this process."""
    return LocalQueue()


@dataclass(slots=True)
class TaskSource:
    """Delivers the queue's messages to the function, one at a time; `report` hears of those that come in vain."""

    queue: LocalQueue
    function: Function
    report: Callable[[str], None]

    def deliver(self) -> float | None:
        """Delivers one message, if one is due."""
        message = self.queue.receive()
        if message is None:
            return self.queue.delay()
        if self._deals_with(message):
            self.queue.forget(message)
        elif message.received >= MAX_RECEIVES:
            self.queue.forget(message)
            self.report(f"the message {message.body!r} came {MAX_RECEIVES} times in vain and is left out")
        return self.queue.delay()

    def _deals_with(self, message: QueuedMessage) -> bool:
        try:
            answer = self.function({"Records": [record_of(message)]})
        except Exception as error:  # whatever it is, the server goes on
            self.report(f"the message {message.body!r} cannot be dealt with, trying again: {error!r}")
            return False
        return not (isinstance(answer, Mapping) and answer.get("batchItemFailures"))


def record_of(message: QueuedMessage) -> dict[str, Any]:
    """The message as Lambda hands it on."""
    return {
        "messageId": message.message_id,
        "receiptHandle": message.message_id,
        "body": message.body,
        "attributes": {"ApproximateReceiveCount": str(message.received)},
        "eventSource": "aws:sqs",
    }


def enqueue_waiting_tasks(queue: TaskQueue, tasks: Iterable[Task]) -> None:
    """Sends a message for each of the tasks that wait, as their messages ended with another process."""
    for task in tasks:
        if not task.is_over:
            queue.send(task.organization, task.task_id)
