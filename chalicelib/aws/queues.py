"""What the service asks of a client of SQS."""

from __future__ import annotations

from typing import Any, Protocol


class Queue(Protocol):
    """A client of SQS."""

    def send_message(self, *, QueueUrl: str, MessageBody: str) -> Any:
        """Puts a message into a queue."""


class WorkQueue(Protocol):
    """A client of SQS that gives messages a time."""

    def send_message(self, *, QueueUrl: str, MessageBody: str, DelaySeconds: int = 0) -> Any:
        """Puts a message into a queue, to be seen after so many seconds."""

    def change_message_visibility(self, *, QueueUrl: str, ReceiptHandle: str, VisibilityTimeout: int) -> Any:
        """Has a message that was received come again after so many seconds."""
