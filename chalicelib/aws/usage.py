"""Counts the calls to AWS and the DynamoDB capacity that a request consumes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class Usage:
    """The calls to AWS including retries, the calls to S3 among them, and the consumed DynamoDB capacity units."""

    round_trips: int = 0
    read_units: float = 0.0
    write_units: float = 0.0
    s3_requests: int = 0


# The default collects the calls outside any `track_usage` block. Nothing reads it.
_current: ContextVar[Usage] = ContextVar("usage", default=Usage())  # noqa: B039


@contextmanager
def track_usage() -> Iterator[Usage]:
    """Counts the calls that this thread makes inside the block."""
    usage = Usage()
    token = _current.set(usage)
    try:
        yield usage
    finally:
        _current.reset(token)


def count_round_trip() -> None:
    """Counts one call."""
    _current.get().round_trips += 1


def count_s3_request() -> None:
    """Counts one call to S3."""
    count_round_trip()
    _current.get().s3_requests += 1


def add_usage(usage: Usage) -> None:
    """Adds usage that was counted elsewhere, such as in another thread, to the usage of this thread."""
    current = _current.get()
    current.round_trips += usage.round_trips
    current.s3_requests += usage.s3_requests
    current.read_units += usage.read_units
    current.write_units += usage.write_units


def count_read(response: Mapping[str, Any]) -> None:
    """Adds the capacity units in the response to a read."""
    _current.get().read_units += _units(response)


def count_write(response: Mapping[str, Any]) -> None:
    """Adds the capacity units in the response to a write."""
    _current.get().write_units += _units(response)


def _units(response: Mapping[str, Any]) -> float:
    consumed = response.get("ConsumedCapacity") or ()
    if isinstance(consumed, Mapping):
        return float(consumed.get("CapacityUnits") or 0)
    return float(sum(table.get("CapacityUnits") or 0 for table in consumed))
