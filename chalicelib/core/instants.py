"""Dates and times as texts that sort by instant."""

from __future__ import annotations

import re
from datetime import date

# No longer text is a time. So a time has at most 38 decimals, and fits into a cursor.
MAX_TIME_CHARACTERS = 64
_TIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)"
    r"(?:[Tt ]([01]\d|2[0-3])(?::([0-5]\d)(?::([0-5]\d|60)(?:[.,](\d+))?)?)?"
    r"(?:[Zz]|([+-])([01]\d|2[0-3])(?::?([0-5]\d))?)?)?",
    re.ASCII,
)
_MINUTES_PER_DAY = 24 * 60


def instant_key(text: str) -> str | None:
    """Returns a text that identifies and sorts the instant of a date or time; None if the text is neither.

    The text must be an ISO 8601 date, or a date and a time with `T` or a blank between them. A time without an offset
    is in UTC, and a date is its midnight. The key is the time in UTC, with all decimals but trailing zeros, so
    keys compare correctly with each other, and reasonably with texts that are not times.
    """
    if len(text) > MAX_TIME_CHARACTERS or (found := _TIME.fullmatch(text)) is None:
        return None
    year, month, day, hour, minute, second, decimals, sign, offset_hours, offset_minutes = found.groups()
    try:
        ordinal = date(int(year), int(month), int(day)).toordinal()
    except ValueError:
        return None
    offset = int(offset_hours or 0) * 60 + int(offset_minutes or 0)
    minutes = ordinal * _MINUTES_PER_DAY + int(hour or 0) * 60 + int(minute or 0)
    fraction = (decimals or "").rstrip("0")
    to_the_minute = _minute(minutes + offset if sign == "-" else minutes - offset)
    return f"{to_the_minute}:{second or '00'}" + (f".{fraction}" if fraction else "")


def _minute(minutes: int) -> str:
    """Returns the text of a time, which is given in minutes since the start of the last day before the year 1."""
    days, rest = divmod(minutes, _MINUTES_PER_DAY)
    # An offset can lead to the last day of the year 0 or the first one of the year 10000, which `date` does not have.
    excess = max(days - date.max.toordinal(), 0)
    shown = date.fromordinal(days - excess).isoformat() if days else "0000-12-31"
    return f"{shown}T{rest // 60 + 24 * excess:02}:{rest % 60:02}"
