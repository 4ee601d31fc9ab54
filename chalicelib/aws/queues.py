"""Protocols of SQS clients, and the URLs of the queues of the embedded engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

# The maximum number of messages in one call of `send_message_batch`, and that of their bytes. Limits of SQS.
MAX_SEND_BATCH = 10
MAX_SEND_BATCH_BYTES = 262_144
# The embedded engine has only these queues. It ignores the URLs in the settings.
LOCAL_TASK_QUEUE = "embedded"
LOCAL_BATCH_QUEUE = "embedded-batches"
LOCAL_MIRROR_QUEUE = "embedded-mirrors"


class Queue(Protocol):
    """An SQS client that sends messages."""

    def send_message(self, *, QueueUrl: str, MessageBody: str) -> Any:
        """Sends a message to a queue."""


class WorkQueue(Protocol):
    """An SQS client that sends messages and postpones them."""

    def send_message(self, *, QueueUrl: str, MessageBody: str, DelaySeconds: int = 0) -> Any:
        """Sends a message to a queue. Consumers receive it after the delay."""

    def send_message_batch(self, *, QueueUrl: str, Entries: Sequence[Mapping[str, Any]]) -> Any:
        """Sends up to 10 messages to a queue, each with an `Id` and a `MessageBody`.

        `DelaySeconds` and `MessageGroupId` are optional. Groups of a standard queue share its deliveries fairly.

        Some of them may fail without an error of the call: the response lists the ids of those in `Failed`.
        """

    def change_message_visibility(self, *, QueueUrl: str, ReceiptHandle: str, VisibilityTimeout: int) -> Any:
        """Makes a received message visible again after the timeout in seconds."""
