"""Keeps the positions of stream records that cannot be read, so that an operator can examine them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass

from chalicelib.aws.queues import Queue
from chalicelib.core.log import ERROR, log
from chalicelib.stats.stream_records import UnreadableRecord


@dataclass(frozen=True, slots=True)
class DeadLetters:
    """The dead-letter queue of the streams. With an empty `url` the records are only logged."""

    queue: Callable[[], Queue]
    url: str

    def add(self, unreadable: UnreadableRecord) -> None:
        """Logs and queues the keys and the position of a record, never its contents.

        Errors of the SQS client propagate to the caller.
        """
        fields = asdict(unreadable)
        log("A stream record cannot be read", level=ERROR, **fields)
        if self.url:
            self.queue().send_message(QueueUrl=self.url, MessageBody=json.dumps(fields))
