"""Queues the reports of batches that have ended, when their rows change in the catalog table's stream.

So a batch that ended is always reported, whoever ended it, and the API function needs no access to the queue.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from chalicelib import keys
from chalicelib.batches.batch import ENDED
from chalicelib.batches.queue import BatchMessage, BatchQueue
from chalicelib.core.log import ERROR, log
from chalicelib.stats.images import Image, InvalidRow, Record, count, images_of, sequence_of, text, text_or_none


@dataclass(frozen=True, slots=True)
class BatchOutbox:
    """Sends a message for each batch that has ended."""

    queue: BatchQueue

    def dispatch(self, records: Sequence[Record]) -> None:
        """Sends a message for every batch that ended in these records of the catalog stream.

        Records may be repeated: a second message does no harm. Errors of the SQS client propagate to the caller.
        """
        self.queue.send(dict.fromkeys(ended_batches(records)))


def ended_batches(records: Sequence[Record]) -> Iterator[BatchMessage]:
    """Yields the message for each batch that ended in one of the records."""
    for record in records:
        old, new = images_of(record)
        if _is_batch(record) and _has_ended(new) and not _has_ended(old):
            try:
                yield _message(new)
            except InvalidRow as error:  # a damaged row must not stop the stream
                log("The end of a batch cannot be reported", level=ERROR, error=error, sequence=sequence_of(record))


def ends_a_batch(record: Record) -> bool:
    """Returns whether a batch ended in a record of the catalog stream."""
    return any(ended_batches([record]))


def _message(image: Image | None) -> BatchMessage:
    names = ("organization", "namespace_id", "bucket_id", "batch_id")
    organization, namespace_id, bucket_id, batch_id = (text(image, name) for name in names)
    return BatchMessage("finish", organization, namespace_id, bucket_id, batch_id, count(image, "epoch"))


def _is_batch(record: Record) -> bool:
    row_keys = record["dynamodb"].get("Keys")
    is_in_bucket = keys.parse_batches_partition(text_or_none(row_keys, "pk") or "") is not None
    return is_in_bucket and keys.parse_batch_key(text_or_none(row_keys, "sk") or "") is not None


def _has_ended(image: Image | None) -> bool:
    """Whether the batch in this image has ended."""
    return text_or_none(image, "status") in ENDED
