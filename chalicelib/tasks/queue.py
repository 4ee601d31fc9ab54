"""The task queue in SQS. A message contains only the organization and the id of a task."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.aws.message_queue import MAX_DELAY_SECONDS, MessageQueue
from chalicelib.aws.queue_events import UnreadableMessage, receive_count
from chalicelib.core.log import ERROR, log

# How many times a message may be received before it counts as near the dead-letter limit. The limit itself is the
# queue's maxReceiveCount, which is 10.
NEAR_DEAD_LETTER_LIMIT = 5


@dataclass(frozen=True, slots=True)
class Message:
    """A received message: its task, and how many times the message has been received."""

    organization: str
    task_id: str
    message_id: str
    receive_count: int

    @property
    def is_near_dead_letter_limit(self) -> bool:
        """Whether the message was received so many times that it may soon become a dead letter."""
        return self.receive_count >= NEAR_DEAD_LETTER_LIMIT


@dataclass(frozen=True, slots=True)
class TaskQueue(MessageQueue):
    """Sends and postpones messages. With an empty `url`, `send` only logs an error."""

    def send(self, organization: str, task_id: str, *, delay_seconds: int = 0) -> None:
        """Sends a message for a task. A second message for the same task does no harm.

        A delay above 900 seconds is cut to 900. Errors of the SQS client propagate to the caller.
        """
        if not self.url:
            log(
                "A task is waiting, but no queue is configured", level=ERROR, organization=organization, task_id=task_id
            )
            return
        body = json.dumps({"organization": organization, "task_id": task_id})
        self.client().send_message(
            QueueUrl=self.url, MessageBody=body, DelaySeconds=min(delay_seconds, MAX_DELAY_SECONDS)
        )


def read(record: Mapping[str, Any]) -> Message:
    """The message in a record of an SQS event. Raises UnreadableMessage if it does not contain a task."""
    try:
        body = json.loads(record["body"])
        organization, task_id = body["organization"], body["task_id"]
    except (KeyError, TypeError, ValueError) as error:
        raise UnreadableMessage("the message does not contain a task") from error
    if not isinstance(organization, str) or not isinstance(task_id, str) or not organization or not task_id:
        raise UnreadableMessage("the message does not contain a task")
    return Message(organization, task_id, record["messageId"], receive_count(record))
