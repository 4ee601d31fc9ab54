"""A source that delivers the messages of one of the engine's queues, like an event source mapping of Lambda for SQS."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.local.events.queues import LocalQueue, QueuedMessage

MAX_RECEIVES = 10

Function = Callable[[dict[str, Any]], Any]


@dataclass(slots=True)
class QueueSource:
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
