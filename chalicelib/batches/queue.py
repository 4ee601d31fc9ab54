"""The queue of batches in SQS. Its messages say what to do next with a batch, and have no other content."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any, Literal

from chalicelib import keys
from chalicelib.aws.message_queue import MessageQueue
from chalicelib.aws.queue_events import UnreadableMessage
from chalicelib.aws.queues import MAX_SEND_BATCH
from chalicelib.batches.batch import Batch
from chalicelib.core.log import ERROR, log

# A message becomes a dead letter after 10 deliveries. From this one on, a new message takes its place.
NEAR_DEAD_LETTER_LIMIT = 5


@dataclass(frozen=True, slots=True)
class BatchMessage:
    """A message: process a chunk of a batch (`chunk`), report its end (`finish`), or make it of a window (`window`).

    `epoch` is the number of the batch's run.
    """

    kind: Literal["chunk", "finish", "window"]
    organization: str
    namespace_id: str
    bucket_id: str
    batch_id: str
    epoch: int
    chunk: int = 0

    @property
    def rows(self) -> str:
        """The partition key of the rows of the batch."""
        return keys.batches(keys.partition(self.organization, self.namespace_id), self.bucket_id)


def chunk_message(batch: Batch, chunk: int) -> BatchMessage:
    """Returns the message to process a chunk."""
    place = (batch.organization, batch.namespace_id, batch.bucket_id, batch.batch_id)
    return BatchMessage("chunk", *place, batch.epoch, chunk)


def finish_message(batch: Batch) -> BatchMessage:
    """Returns the message to report the end of a batch."""
    place = (batch.organization, batch.namespace_id, batch.bucket_id, batch.batch_id)
    return BatchMessage("finish", *place, batch.epoch)


@dataclass(frozen=True, slots=True)
class BatchQueue(MessageQueue):
    """Sends and postpones messages. With an empty `url`, messages are only logged."""

    def send(self, messages: Iterable[BatchMessage], *, delay_seconds: int = 0) -> None:
        """Sends messages. A second message with the same content does no harm. A delay above 900 s is cut to 900 s.

        Raises MessagesNotSent; other errors of the SQS client propagate to the caller.
        """
        remaining = iter(messages)
        while group := list(islice(remaining, MAX_SEND_BATCH)):
            if not self.url:
                log("Batches are waiting, but no queue is configured", level=ERROR, batch=group[0].batch_id)
                return
            self.send_entries(({"MessageBody": json.dumps(asdict(message))} for message in group), delay_seconds)


def read(record: Mapping[str, Any]) -> BatchMessage:
    """Returns the message in a record of an SQS event. Raises UnreadableMessage."""
    try:
        message = BatchMessage(**json.loads(record["body"]))
    except (KeyError, TypeError, ValueError) as error:
        raise UnreadableMessage("the message does not name a batch") from error
    if message.kind not in ("chunk", "finish", "window") or not isinstance(message.epoch, int):
        raise UnreadableMessage("the message does not say what to do with a batch")
    return message
