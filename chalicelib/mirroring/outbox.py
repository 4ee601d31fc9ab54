"""Queues the wishes to copy files by URL, when they appear in the objects table's stream.

So no wish is lost between its row and its message, and the API function needs no access to the queue.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chalicelib.blobs.mirror import PENDING
from chalicelib.core.log import ERROR, log
from chalicelib.mirroring.queue import MirrorMessage, MirrorQueue
from chalicelib.stats.images import Image, Record, images_of, sequence_of, text, text_or_none

# Most objects have no wish, and reading their documents would take most of the time of a record.
MARKER = '"mirror"'


@dataclass(frozen=True, slots=True)
class MirrorOutbox:
    """Sends a message for each new wish."""

    queue: MirrorQueue

    def dispatch(self, records: Sequence[Record]) -> None:
        """Sends the messages for these records of the objects stream. Records may be repeated.

        A second message does no harm. Errors of the SQS client propagate to the caller.
        """
        self.queue.send(dict.fromkeys(new_wishes(records)))


def new_wishes(records: Sequence[Record]) -> Iterator[MirrorMessage]:
    """Yields the message for each wish that appeared in one of the records."""
    for record in records:
        old, new = images_of(record)
        try:
            before = {message.mirror_id for message in pending(old)}
            yield from (message for message in pending(new) if message.mirror_id not in before)
        except (ValueError, KeyError, TypeError, AttributeError) as error:  # a damaged row must not stop the stream
            log("The files of an object cannot be read", level=ERROR, error=error, sequence=sequence_of(record))


def pending(image: Image | None) -> Iterator[MirrorMessage]:
    """Yields the message for each wish in the image of a row that has not ended."""
    document = text_or_none(image, "document")
    if document is None or MARKER not in document:
        return
    for blob in json.loads(document)["blobs"]:
        wish: Mapping[str, Any] = blob.get("mirror") or {}
        if wish.get("status") == PENDING:
            partition, bucket_id, object_id = (text(image, name) for name in ("ns", "bucket_id", "object_id"))
            yield MirrorMessage(partition, bucket_id, object_id, blob["blob_id"], wish["mirror_id"])
