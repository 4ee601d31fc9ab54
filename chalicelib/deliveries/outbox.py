"""Sends a message when a window opens, for the time at which it closes, and when it has been closed.

The messages follow from changes of rows in the catalog table's stream, so none is lost, and nothing polls.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from typing import Any

from chalicelib import keys
from chalicelib.aws.dynamodb.attribute_values import decode_value
from chalicelib.batches.queue import BatchMessage, BatchQueue
from chalicelib.core.clock import Clock, parse_timestamp
from chalicelib.core.log import ERROR, log
from chalicelib.stats.images import Image, Record, images_of, sequence_of, text_or_none


@dataclass(frozen=True, slots=True)
class WindowOutbox:
    """Sends the messages about windows to the queue of batches."""

    queue: BatchQueue
    clock: Clock

    def dispatch(self, records: Sequence[Record]) -> None:
        """Sends the messages for these records of the catalog stream. Records may be repeated.

        A second message does no harm. Errors of the SQS client propagate to the caller.
        """
        for record in records:
            try:
                due = list(self._due(record))
            except (KeyError, TypeError, ValueError) as error:  # a damaged row must not stop the stream
                log("A window cannot be read", level=ERROR, error=error, sequence=sequence_of(record))
                continue
            for message, delay_seconds in due:
                self.queue.send([message], delay_seconds=delay_seconds)

    def _due(self, record: Record) -> Iterator[tuple[BatchMessage, int]]:
        """Yields the message that a record requires, and its delay in seconds."""
        row_keys = record["dynamodb"].get("Keys")
        rows, sk = text_or_none(row_keys, "pk") or "", text_or_none(row_keys, "sk") or ""
        if keys.parse_deliveries_partition(rows) is None:
            return
        old, new = images_of(record)
        closed = keys.parse_closed_window_key(sk)
        if closed is not None and old is None and new is not None:
            yield window_message(rows, closed), 0
        if keys.is_adapter_state(sk):
            before, after = _window(old), _window(new)
            if after.get("closes_at") and after["closes_at"] != before.get("closes_at"):
                yield window_message(rows, after["window_id"]), seconds_until(after["closes_at"], self.clock())


def seconds_until(moment: str, now: datetime) -> int:
    """Returns the whole seconds until a timestamp, rounded up; 0 if it has passed."""
    return max(0, ceil((parse_timestamp(moment) - now).total_seconds()))


def window_message(rows: str, window_id: str) -> BatchMessage:
    """Returns the message to close a window, and to make a batch of it. Raises ValueError for another key."""
    place = keys.parse_deliveries_partition(rows)
    namespace = keys.parse_partition(place[0]) if place else None
    if place is None or namespace is None:
        raise ValueError("the key is not that of deliveries")
    return BatchMessage("window", *namespace, place[1], window_id, 0)


def _window(image: Image | None) -> dict[str, Any]:
    found = decode_value(image["window"]) if image and "window" in image else {}
    return found if isinstance(found, dict) else {}
