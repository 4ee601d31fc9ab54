"""The events about the ends of batches, from the stream of the catalog table.

A batch can end again, after a retry or a resubmission: that is another run, and another event.
"""

from __future__ import annotations

from typing import Any

from chalicelib.aws.dynamodb.attribute_values import decode
from chalicelib.batches.batch import ENDED, Batch, from_item
from chalicelib.batches.ending import end_of, end_type
from chalicelib.events.event import Event, new_event
from chalicelib.stats.images import Image, InvalidRow, Record, images_of, text, text_or_none


def batch_event(record: Record) -> Event | None:
    """Returns the event about the record of a batch's row, or None if the batch has not just ended. Raises InvalidRow.

    The data has the fields of the webhook of a batch, among others.
    """
    old, new = images_of(record)
    if new is None or text_or_none(new, "status") not in ENDED or text_or_none(old, "status") in ENDED:
        return None
    ended_at = text(new, "ended_at")
    batch, data = _read(new)
    return new_event(record, end_type(batch), f"buckets/{batch.bucket_id}/batches/{batch.batch_id}", ended_at, data)


def _read(image: Image) -> tuple[Batch, dict[str, Any]]:
    try:
        batch = from_item(decode(image))
        return batch, _data(batch)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InvalidRow("the row of the batch cannot be read") from error


def _data(batch: Batch) -> dict[str, Any]:
    return {
        "organization_id": batch.organization,
        **end_of(batch),
        "batch_name": batch.name,
        "object_count": batch.object_count,
        "run": batch.epoch,
        "revision": batch.revision,
    }
