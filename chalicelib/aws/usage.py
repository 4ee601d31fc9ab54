"""What a request costs: calls to AWS, and the capacity of the database that they consumed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class Usage:
    """Counts calls, retries included, how many of them went to S3, and the database units of the answered ones."""

    round_trips: int = 0
    read_units: float = 0.0
    write_units: float = 0.0
    s3_requests: int = 0


# Calls outside any `track_usage` block count here, where nobody looks.
_current: ContextVar[Usage] = ContextVar("meter", default=Usage())  # noqa: B039


@contextmanager
def track_usage() -> Iterator[Usage]:
    """Counts everything this thread does inside the block, and only that."""
    meter = Usage()
    token = _current.set(meter)
    try:
        yield meter
    finally:
        _current.reset(token)


def count_round_trip() -> None:
    """One more call is on its way."""
    _current.get().round_trips += 1


def count_s3_request() -> None:
    """One more call is on its way, to S3."""
    count_round_trip()
    _current.get().s3_requests += 1


def add_usage(meter: Usage) -> None:
    """What was counted elsewhere, as in another thread, for the work that this is part of."""
    current = _current.get()
    current.round_trips += meter.round_trips
    current.s3_requests += meter.s3_requests
    current.read_units += meter.read_units
    current.write_units += meter.write_units


def count_read(answer: Mapping[str, Any]) -> None:
    """What a read consumed, by its answer."""
    _current.get().read_units += _units(answer)


def count_write(answer: Mapping[str, Any]) -> None:
    """What a write consumed, by its answer."""
    _current.get().write_units += _units(answer)


def _units(answer: Mapping[str, Any]) -> float:
    consumed = answer.get("ConsumedCapacity") or ()
    if isinstance(consumed, Mapping):
        return float(consumed.get("CapacityUnits") or 0)
    return float(sum(table.get("CapacityUnits") or 0 for table in consumed))
