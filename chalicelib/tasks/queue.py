"""The queue of tasks: messages that name a task and hold nothing of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.aws.queues import WorkQueue
from chalicelib.core.log import ERROR, log

# SQS holds a message back for no longer.
MAX_DELAY_SECONDS = 900
# The queue hands out a message ten times.
NEAR_DEAD_LETTER_LIMIT = 5


class UnreadableMessage(ValueError):
    """A message that names no task."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it was received: which task it names, and how often it has come."""

    organization: str
    task_id: str
    message_id: str
    times: int

    @property
    def is_worn(self) -> bool:
        """Whether it came so often that it may soon be a dead letter."""
        return self.times >= NEAR_DEAD_LETTER_LIMIT


@dataclass(frozen=True, slots=True)
class TaskQueue:
    """The queue, or nothing but the log where none is named."""

    client: Callable[[], WorkQueue]
    url: str

    def send(self, organization: str, task_id: str, *, delay_seconds: int = 0) -> None:
        """Has the task worked on; sent twice it does no harm. The client's own errors fly."""
        if not self.url:
            log("A task waits, and no queue is named", level=ERROR, organization=organization, task_id=task_id)
            return
        body = json.dumps({"organization": organization, "task_id": task_id})
        self.client().send_message(
            QueueUrl=self.url, MessageBody=body, DelaySeconds=min(delay_seconds, MAX_DELAY_SECONDS)
        )

    def postpone(self, record: Mapping[str, Any], seconds: int) -> None:
        """Has a message that was not dealt with come again after so many seconds, if that can be arranged."""
        try:
            self.client().change_message_visibility(
                QueueUrl=self.url, ReceiptHandle=record["receiptHandle"], VisibilityTimeout=seconds
            )
        except Exception as error:  # then it comes when the queue's own time for it is over
            log("A message could not be postponed", level=ERROR, error=error, message_id=record.get("messageId"))


def read(record: Mapping[str, Any]) -> Message:
    """The message in a record of an SQS event. Raises UnreadableMessage."""
    try:
        named = json.loads(record["body"])
        organization, task_id = named["organization"], named["task_id"]
    except (KeyError, TypeError, ValueError) as error:
        raise UnreadableMessage("the message names no task") from error
    if not isinstance(organization, str) or not isinstance(task_id, str) or not organization or not task_id:
        raise UnreadableMessage("the message names no task")
    return Message(organization, task_id, record["messageId"], times_received(record))


def times_received(record: Mapping[str, Any]) -> int:
    """How often a message has come, this time included."""
    return int((record.get("attributes") or {}).get("ApproximateReceiveCount", 1))
