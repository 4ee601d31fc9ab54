"""The queues of the embedded engine, in memory, behind the methods of an SQS client that the application uses.

The messages do not survive the process. No task is lost; see `continuing`.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from chalicelib.aws.queues import LOCAL_MIRROR_QUEUE, MAX_SEND_BATCH

VISIBILITY_SECONDS = 360.0
# As the template declares it, because a function that copies a file has 900 seconds.
MIRROR_VISIBILITY_SECONDS = 960.0


@dataclass(slots=True)
class QueuedMessage:
    """A message in a queue. `due` is the time from which it is visible, `received` how often it was delivered."""

    message_id: str
    body: str
    due: float
    received: int = 0


@dataclass(slots=True)
class LocalQueue:
    """One queue. Several threads may use it. A received message is hidden for `visibility_seconds`."""

    seconds: Callable[[], float] = time.monotonic
    visibility_seconds: float = VISIBILITY_SECONDS
    _messages: dict[str, QueuedMessage] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _wakes: list[threading.Event] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def wake(self, event: threading.Event) -> None:
        """Sets the event from now on whenever a message was sent, or may be due earlier than before."""
        self._wakes.append(event)

    def send(self, body: str, delay_seconds: float = 0) -> QueuedMessage:
        """Adds a message, which becomes visible after the delay, and returns it."""
        with self._lock:
            message = QueuedMessage(f"local-{next(self._numbers)}", body, self.seconds() + delay_seconds)
            self._messages[message.message_id] = message
        self._set_wakes()
        return message

    def postpone(self, message_id: str, seconds: float) -> None:
        """Makes a received message visible again after this many seconds, if it is still in the queue."""
        with self._lock:
            if message_id in self._messages:
                self._messages[message_id].due = self.seconds() + seconds
        self._set_wakes()

    def receive(self) -> QueuedMessage | None:
        """Returns the visible message that is due first, or None, and hides it for `visibility_seconds`."""
        with self._lock:
            message = self._next()
            if message is None or message.due > self.seconds():
                return None
            message.received += 1
            message.due = self.seconds() + self.visibility_seconds
            return message

    def delete(self, message: QueuedMessage) -> None:
        """Removes a message."""
        with self._lock:
            self._messages.pop(message.message_id, None)

    def delay(self) -> float | None:
        """Returns in how many seconds the next message is due, or None if the queue is empty."""
        with self._lock:
            message = self._next()
            return None if message is None else max(0.0, message.due - self.seconds())

    def _next(self) -> QueuedMessage | None:
        return min(self._messages.values(), key=lambda message: message.due, default=None)

    def _set_wakes(self) -> None:
        for event in self._wakes:
            event.set()


@dataclass(slots=True)
class LocalSqs:
    """Has the methods of an SQS client that the application uses. A queue exists as soon as its URL is used."""

    seconds: Callable[[], float] = time.monotonic
    _queues: dict[str, LocalQueue] = field(default_factory=dict)

    def queue(self, url: str) -> LocalQueue:
        """Returns the queue with this URL."""
        hidden = MIRROR_VISIBILITY_SECONDS if url == LOCAL_MIRROR_QUEUE else VISIBILITY_SECONDS
        return self._queues.setdefault(url, LocalQueue(self.seconds, hidden))

    def send_message(self, *, QueueUrl: str, MessageBody: str, DelaySeconds: int = 0) -> Any:
        """Adds a message, which becomes visible after `DelaySeconds`."""
        return {"MessageId": self.queue(QueueUrl).send(MessageBody, DelaySeconds).message_id}

    def send_message_batch(self, *, QueueUrl: str, Entries: Sequence[Mapping[str, Any]]) -> Any:
        """Adds up to 10 messages. Raises ValueError for more, for none, and for two with the same id, as SQS does."""
        if not 1 <= len({entry["Id"] for entry in Entries}) == len(Entries) <= MAX_SEND_BATCH:
            raise ValueError(f"a batch must have 1 to {MAX_SEND_BATCH} entries with different ids")
        queue = self.queue(QueueUrl)
        sent = [(entry, queue.send(entry["MessageBody"], entry.get("DelaySeconds", 0))) for entry in Entries]
        return {
            "Successful": [{"Id": entry["Id"], "MessageId": message.message_id} for entry, message in sent],
            "Failed": [],
        }

    def change_message_visibility(self, *, QueueUrl: str, ReceiptHandle: str, VisibilityTimeout: int) -> Any:
        """Makes a received message visible again after `VisibilityTimeout` seconds."""
        self.queue(QueueUrl).postpone(ReceiptHandle, VisibilityTimeout)


@cache
def local_sqs() -> LocalSqs:
    """Returns the queues of this process."""
    return LocalSqs()
