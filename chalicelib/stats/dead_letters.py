"""Records that nobody can read, kept for people: where each is in its stream, and no word of what it holds."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass

from chalicelib.aws.queues import Queue
from chalicelib.core.log import ERROR, log
from chalicelib.stats.stream_records import UnreadableRecord


@dataclass(frozen=True, slots=True)
class DeadLetters:
    """The dead-letter queue, or where none is named the log alone."""

    queue: Callable[[], Queue]
    url: str

    def add(self, unreadable: UnreadableRecord) -> None:
        """Keeps where a record is; the client's own errors fly when it cannot be kept."""
        told = asdict(unreadable)
        log("A stream record cannot be read", level=ERROR, **told)
        if self.url:
            self.queue().send_message(QueueUrl=self.url, MessageBody=json.dumps(told))
