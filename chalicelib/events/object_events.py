"""The events about objects, from the stream of the objects table.

An object that is soft-deleted is deleted for clients, so the removal of its row later is no event. Each change that
clients see increments the revision. Other writes of the row are no events, for example of its epoch in the statistics.
"""

from __future__ import annotations

from typing import Any

from chalicelib import keys
from chalicelib.events.event import Event, new_event, time_of
from chalicelib.stats.images import Image, InvalidRow, Record, count, images_of, integer, text

CREATED, UPDATED, DELETED = "object.created", "object.updated", "object.deleted"


def object_event(record: Record) -> Event | None:
    """Returns the event about a record of the objects table, or None if it is none. Raises InvalidRow."""
    old, new = images_of(record)
    if _exists(new):
        type_ = _type_of_write(old, new)
        return _event(record, type_, new, text(new, "updated_at")) if type_ else None
    if not _exists(old):
        return None
    if new is None:
        return _event(record, DELETED, old, time_of(record), soft_deleted=False)
    return _event(record, DELETED, new, text(new, "updated_at"), soft_deleted=True)


def _type_of_write(old: Image | None, new: Image | None) -> str | None:
    if not _exists(old):
        return CREATED
    return UPDATED if integer(old, "revision") != integer(new, "revision") else None


def _exists(image: Image | None) -> bool:
    """Whether clients see the object in this image."""
    return image is not None and "soft_deleted" not in image


def _event(record: Record, type_: str, image: Image | None, time: str, **more: Any) -> Event:
    row = record["dynamodb"]["Keys"]
    bucket_id, object_id = text(row, "bucket_id"), text(row, "object_id")
    place = keys.parse_partition(text(image, "ns"))
    if place is None:
        raise InvalidRow("ns is not the partition of a namespace")
    data = {
        "organization_id": place[0],
        "namespace_id": place[1],
        "bucket_id": bucket_id,
        "object_id": object_id,
        "revision": integer(image, "revision"),
        "status": text(image, "status"),
        "size_bytes": count(image, "size_bytes"),
        "schema_version": integer(image, "schema_version"),
        "created_at": text(image, "created_at"),
        "updated_at": text(image, "updated_at"),
        **more,
    }
    return new_event(record, type_, f"buckets/{bucket_id}/objects/{object_id}", time, data)
