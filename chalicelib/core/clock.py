"""The system clock, and the format of timestamps: UTC with milliseconds. Sorted as text, they are in order of time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def system_clock() -> datetime:
    """Returns the current time as an aware datetime in UTC."""
    return datetime.now(UTC)


def format_timestamp(moment: datetime) -> str:
    """Returns `YYYY-MM-DDTHH:MM:SS.mmmZ`, rounded down to milliseconds. A naive datetime is taken as UTC."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_timestamp(text: str) -> datetime:
    """Returns the datetime that `format_timestamp` formatted, to the millisecond."""
    return datetime.fromisoformat(text)
