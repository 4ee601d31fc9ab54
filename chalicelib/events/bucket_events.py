"""The events about buckets, from the stream of the catalog table.

The deletion of a bucket is an event when its row is removed, and not before. Each change of the configuration
increments the revision. Other writes of the row are no events, such as the mark that requests may be creating objects.
"""

from __future__ import annotations

from chalicelib import keys
from chalicelib.buckets.bucket import DELETING
from chalicelib.events.event import Event, new_event, time_of
from chalicelib.stats.images import Image, InvalidRow, Record, images_of, integer, text

CREATED, UPDATED, DELETED = "bucket.created", "bucket.updated", "bucket.deleted"


def bucket_event(record: Record) -> Event | None:
    """Returns the event about the record of a bucket's row, or None if it is none. Raises InvalidRow."""
    old, new = images_of(record)
    if new is None:
        return _event(record, DELETED, old, time_of(record))
    if old is None:
        return _event(record, CREATED, new, text(new, "updated_at"))
    is_event = integer(old, "revision") != integer(new, "revision") and text(new, "status") != DELETING
    return _event(record, UPDATED, new, text(new, "updated_at")) if is_event else None


def _event(record: Record, type_: str, image: Image | None, time: str) -> Event:
    row = record["dynamodb"]["Keys"]
    place, bucket_id = keys.parse_partition(text(row, "pk")), keys.parse_bucket_key(text(row, "sk"))
    if place is None or bucket_id is None:
        raise InvalidRow("the key is not that of a bucket")
    data = {
        "organization_id": place[0],
        "namespace_id": place[1],
        "bucket_id": bucket_id,
        "bucket_name": text(image, "bucket_name"),
        "revision": integer(image, "revision"),
        "schema_version": integer(image, "schema_version"),
        "created_at": text(image, "created_at"),
        "updated_at": text(image, "updated_at"),
    }
    return new_event(record, type_, f"buckets/{bucket_id}", time, data)
