"""Protocols of SQS clients: the methods that the service calls."""

from __future__ import annotations

from typing import Any, Protocol


class Queue(Protocol):
    """An SQS client that sends messages."""

    def send_message(self, *, QueueUrl: str, MessageBody: str) -> Any:
        """Sends a message to a queue."""


class WorkQueue(Protocol):
    """An SQS client that sends messages and postpones them."""

    def send_message(self, *, QueueUrl: str, MessageBody: str, DelaySeconds: int = 0) -> Any:
        """Sends a message to a queue. Consumers receive it after the delay."""

    def change_message_visibility(self, *, QueueUrl: str, ReceiptHandle: str, VisibilityTimeout: int) -> Any:
        """Makes a received message visible again after the timeout in seconds."""
