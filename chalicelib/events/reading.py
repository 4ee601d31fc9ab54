"""Reads the events in stream records of both tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from chalicelib import keys
from chalicelib.core.log import ERROR, log
from chalicelib.events.batch_events import batch_event
from chalicelib.events.bucket_events import bucket_event
from chalicelib.events.delivery_events import delivery_event
from chalicelib.events.event import Event
from chalicelib.events.object_events import object_event
from chalicelib.stats.images import InvalidRow, Record, sequence_of, text_or_none


class Found(NamedTuple):
    """An event, and the record that it is about."""

    record: Record
    event: Event


def events_in(records: Sequence[Record]) -> Iterator[Found]:
    """Yields the event about each record that has one, in their order. A row that cannot be read is logged."""
    for record in records:
        try:
            event = read_event(record)
        except InvalidRow as error:  # a damaged row must not stop the stream
            log("An event cannot be described", level=ERROR, error=error, sequence=sequence_of(record))
        else:
            if event is not None:
                yield Found(record, event)


def read_event(record: Record) -> Event | None:
    """Returns the event about a stream record, or None if the change is no event. Raises InvalidRow."""
    reader = _reader(record["dynamodb"].get("Keys") or {})
    return reader(record) if reader is not None else None


def _reader(row: Mapping[str, object]) -> Callable[[Record], Event | None] | None:
    """Returns the function that reads the records of the row with this key."""
    if "object_id" in row:
        return object_event
    pk, sk = text_or_none(row, "pk") or "", text_or_none(row, "sk") or ""
    if keys.parse_bucket_key(sk) is not None:
        return bucket_event
    if keys.parse_batches_partition(pk) is not None and keys.parse_batch_key(sk) is not None:
        return batch_event
    is_delivery = keys.parse_deliveries_partition(pk) is not None and keys.parse_delivery_key(sk) is not None
    return delivery_event if is_delivery else None
