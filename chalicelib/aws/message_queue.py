"""A queue in SQS: sends messages, and postpones received ones. The packages that use it add what a message contains."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.aws.queues import WorkQueue
from chalicelib.core.log import ERROR, log

# The limit of SQS for DelaySeconds.
MAX_DELAY_SECONDS = 900


class MessagesNotSent(RuntimeError):
    """SQS did not accept some messages."""


@dataclass(frozen=True, slots=True)
class MessageQueue:
    """The queue with this URL. `client` returns the SQS client, which is built on first use."""

    client: Callable[[], WorkQueue]
    url: str

    def send_entries(self, entries: Iterable[Mapping[str, Any]], delay_seconds: int) -> None:
        """Sends up to `MAX_SEND_BATCH` messages with one call. A delay above 900 s is cut to 900 s.

        An entry has a `MessageBody`, and can have a `MessageGroupId`. Raises MessagesNotSent; other errors of the SQS
        client propagate to the caller.
        """
        delay = min(delay_seconds, MAX_DELAY_SECONDS)
        numbered = [{"Id": str(number), **entry, "DelaySeconds": delay} for number, entry in enumerate(entries)]
        response = self.client().send_message_batch(QueueUrl=self.url, Entries=numbered)
        if failed := response.get("Failed"):
            raise MessagesNotSent(f"{len(failed)} messages were not accepted: {failed[0].get('Code')}")

    def postpone(self, record: Mapping[str, Any], seconds: int) -> None:
        """Makes SQS deliver a received message again after this many seconds. An error is only logged."""
        try:
            self.client().change_message_visibility(
                QueueUrl=self.url, ReceiptHandle=record["receiptHandle"], VisibilityTimeout=seconds
            )
        except Exception as error:  # SQS then delivers the message after the queue's visibility timeout
            log("A message could not be postponed", level=ERROR, error=error, message_id=record.get("messageId"))
