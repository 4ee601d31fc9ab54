"""The queue of files by URL in SQS. A message names a wish to copy a file; the row of the object has the URL."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from itertools import islice
from typing import Any

from chalicelib.aws.message_queue import MessageQueue
from chalicelib.aws.queue_events import UnreadableMessage
from chalicelib.aws.queues import MAX_SEND_BATCH
from chalicelib.core.log import ERROR, log

# The limit of SQS for MessageGroupId.
MAX_GROUP_CHARS = 128
# As many as a client of boto3 keeps connections.
SENDERS = 10


@dataclass(frozen=True, slots=True)
class MirrorMessage:
    """A message: copy the file that the wish `mirror_id` concerns, if the object still has this wish.

    `partition` is that of the namespace. Messages that came before for the same wish were delivered `starts` times, and
    `pauses` times more while the service could not store anything.
    """

    partition: str
    bucket_id: str
    object_id: str
    blob_id: str
    mirror_id: str
    starts: int = 0
    pauses: int = 0


@dataclass(frozen=True, slots=True)
class MirrorQueue(MessageQueue):
    """Sends and postpones messages. With an empty `url`, messages are only logged."""

    def send(self, messages: Iterable[MirrorMessage], *, delay_seconds: int = 0) -> None:
        """Sends messages. A second message for the same wish does no harm. A delay above 900 s is cut to 900 s.

        Raises MessagesNotSent; other errors of the SQS client propagate to the caller.
        """
        remaining = iter(messages)
        groups = list(iter(lambda: list(islice(remaining, MAX_SEND_BATCH)), []))
        if groups and not self.url:
            log("Files by URL are waiting, but no queue is configured", level=ERROR, object=groups[0][0].object_id)
            return
        if len(groups) <= 1:
            for group in groups:
                self._send(group, delay_seconds)
            return
        # One event of the stream can have 28 000 wishes, and its function has a minute.
        from concurrent.futures import ThreadPoolExecutor

        self.client()  # is built before the threads start
        with ThreadPoolExecutor(SENDERS) as pool:
            for _ in pool.map(lambda group: self._send(group, delay_seconds), groups):
                pass

    def _send(self, messages: list[MirrorMessage], delay_seconds: int) -> None:
        # SQS shares the deliveries of a standard queue fairly among groups, so a namespace whose hosts are slow does
        # not stop the others.
        entries = (
            {"MessageBody": json.dumps(asdict(message)), "MessageGroupId": message.partition[-MAX_GROUP_CHARS:]}
            for message in messages
        )
        self.send_entries(entries, delay_seconds)


def read(record: Mapping[str, Any]) -> MirrorMessage:
    """Returns the message in a record of an SQS event. Raises UnreadableMessage."""
    try:
        message = MirrorMessage(**json.loads(record["body"]))
    except (KeyError, TypeError, ValueError) as error:
        raise UnreadableMessage("the message does not name a wish") from error
    names = [getattr(message, field.name) for field in fields(message) if field.name not in ("starts", "pauses")]
    counts = (message.starts, message.pauses)
    if not all(isinstance(name, str) and name for name in names) or not all(type(count) is int for count in counts):
        raise UnreadableMessage("the message does not name a wish")
    return message
