"""The queue of background tasks in memory, and a source that delivers its messages, like SQS and Lambda.

The messages do not survive the process. No task is lost, because a start ends the leases of the process before, and
sends a message for every task that has not ended.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

from chalicelib.aws.dynamodb.optimistic_lock import VersionConflict
from chalicelib.tasks.queue import TaskQueue
from chalicelib.tasks.store import TaskStore
from chalicelib.tasks.task import Task

URL = "embedded"
VISIBILITY_SECONDS = 360.0
MAX_RECEIVES = 10

Function = Callable[[dict[str, Any]], Any]


@dataclass(slots=True)
class QueuedMessage:
    """A message in the queue. `due` is the time from which it is visible, `received` how often it was delivered."""

    message_id: str
    body: str
    due: float
    received: int = 0


@dataclass(slots=True)
class LocalQueue:
    """Has the methods of an SQS client that the application uses, for a single queue in this process."""

    seconds: Callable[[], float] = time.monotonic
    _messages: dict[str, QueuedMessage] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def send_message(self, *, QueueUrl: str, MessageBody: str, DelaySeconds: int = 0) -> Any:
        """Adds a message, which becomes visible after `DelaySeconds`."""
        message = QueuedMessage(f"local-{next(self._numbers)}", MessageBody, self.seconds() + DelaySeconds)
        self._messages[message.message_id] = message

    def change_message_visibility(self, *, QueueUrl: str, ReceiptHandle: str, VisibilityTimeout: int) -> Any:
        """Makes a received message visible again after `VisibilityTimeout` seconds."""
        if ReceiptHandle in self._messages:
            self._messages[ReceiptHandle].due = self.seconds() + VisibilityTimeout

    def receive(self) -> QueuedMessage | None:
        """Returns the visible message that is due first, or None, and hides it for VISIBILITY_SECONDS."""
        message = self._next()
        if message is None or message.due > self.seconds():
            return None
        message.received += 1
        message.due = self.seconds() + VISIBILITY_SECONDS
        return message

    def delete(self, message: QueuedMessage) -> None:
        """Removes a message."""
        self._messages.pop(message.message_id, None)

    def delay(self) -> float | None:
        """Returns in how many seconds the next message is due, or None if the queue is empty."""
        message = self._next()
        return None if message is None else max(0.0, message.due - self.seconds())

    def _next(self) -> QueuedMessage | None:
        # A copy of the values, because other threads may send messages meanwhile.
        return min(list(self._messages.values()), key=lambda message: message.due, default=None)


@cache
def local_queue() -> LocalQueue:
    """Returns the queue of this process."""
    return LocalQueue()


@dataclass(slots=True)
class TaskSource:
    """Delivers the queue's messages to the function, one at a time. `report` gets error messages."""

    queue: LocalQueue
    function: Function
    report: Callable[[str], None]

    def deliver(self) -> float | None:
        """Delivers one message, if one is due. Returns in how many seconds the next is due, or None."""
        message = self.queue.receive()
        if message is None:
            return self.queue.delay()
        if self._process(message):
            self.queue.delete(message)
        elif message.received >= MAX_RECEIVES:
            self.queue.delete(message)
            self.report(f"the message {message.body!r} failed {MAX_RECEIVES} times and is removed from the queue")
        return self.queue.delay()

    def _process(self, message: QueuedMessage) -> bool:
        """Calls the function with the message. Returns whether it succeeded."""
        try:
            response = self.function({"Records": [record_of(message)]})
        except Exception as error:  # the server must continue, whatever the handler raises
            self.report(f"the message {message.body!r} cannot be processed, trying again: {error!r}")
            return False
        return not (isinstance(response, Mapping) and response.get("batchItemFailures"))


def record_of(message: QueuedMessage) -> dict[str, Any]:
    """Returns the record of a message in the form of Lambda's SQS events."""
    return {
        "messageId": message.message_id,
        "receiptHandle": message.message_id,
        "body": message.body,
        "attributes": {"ApproximateReceiveCount": str(message.received)},
        "eventSource": "aws:sqs",
    }


def continue_tasks(store: TaskStore, queue: TaskQueue, tasks: Iterable[Task], now: datetime) -> None:
    """Ends the lease of each task that has not ended, and sends a message for it.

    Only the owner of the data folder runs tasks, so at its start every lease is of a process that has ended.
    """
    for task in tasks:
        if not task.has_ended:
            if task.lease_owner is not None:
                with suppress(VersionConflict):  # a command has canceled the task meanwhile
                    store.end_lease(task, now=now)
            queue.send(task.organization, task.task_id)
