"""The events about deliveries to source adapters, from the stream of the catalog table.

A delivery is parked if it cannot be applied. A replay that parks it again is another attempt, and another event.
"""

from __future__ import annotations

from chalicelib import keys
from chalicelib.events.event import Event, new_event, time_of
from chalicelib.stats.images import Image, InvalidRow, Record, images_of, integer, text, text_or_none

PARKED = "adapter.delivery.parked"
# The state of a delivery that could not be applied, in its row.
PARKED_STATE = "PARKED"


def delivery_event(record: Record) -> Event | None:
    """Returns the event about the record of a delivery's row, or None if it was not parked. Raises InvalidRow."""
    old, new = images_of(record)
    if new is None or not _is_parked(new) or (_is_parked(old) and _attempt(old) == _attempt(new)):
        return None
    row = record["dynamodb"]["Keys"]
    place, delivery_id = keys.parse_deliveries_partition(text(row, "pk")), keys.parse_delivery_key(text(row, "sk"))
    namespace = keys.parse_partition(place[0]) if place else None
    if place is None or namespace is None or delivery_id is None:
        raise InvalidRow("the key is not that of a delivery")
    bucket_id = place[1]
    data = {
        "organization_id": namespace[0],
        "namespace_id": namespace[1],
        "bucket_id": bucket_id,
        "delivery_id": delivery_id,
        "adapter_type": text_or_none(new, "adapter_type"),
        "event_type": text_or_none(new, "event_type"),
        "reason": text_or_none(new, "reason"),
        "attempt": _attempt(new),
    }
    return new_event(record, PARKED, f"buckets/{bucket_id}/deliveries/{delivery_id}", time_of(record), data)


def _is_parked(image: Image | None) -> bool:
    return text_or_none(image, "state") == PARKED_STATE


def _attempt(image: Image | None) -> int:
    """Returns how many times the delivery was applied or parked; 1 if the row does not say it."""
    return integer(image, "attempt") if image is not None and "attempt" in image else 1
