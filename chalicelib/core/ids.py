"""Ids: a prefix that says what it names, then Crockford's base32 in lower case.

Ids of things that are listed by age begin with the time, so their order is the order of creation.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from chalicelib.core.clock import Clock

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
TIME_CHARS = 10
RANDOM_CHARS = 6
TIMED_CHARS = TIME_CHARS + RANDOM_CHARS

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_TIMED = re.compile(f"[{ALPHABET}]{{{TIMED_CHARS}}}")


class Ids:
    """Makes ids from a clock and a source of random bits."""

    def __init__(self, clock: Clock, bits: Callable[[int], int] = secrets.randbits) -> None:
        self._clock, self._bits = clock, bits

    def timed(self, prefix: str, moment: datetime | None = None, *, random_chars: int = RANDOM_CHARS) -> str:
        """Returns `<prefix>_`, 10 characters that encode `moment` (default: now) in milliseconds, and random characters."""
        milliseconds = ((moment or self._clock()) - _EPOCH) // _MILLISECOND
        return f"{prefix}_{_base32(milliseconds, TIME_CHARS)}{_base32(self._bits(5 * random_chars), random_chars)}"

    def random(self, prefix: str, length: int) -> str:
        """`<prefix>_` and `length` characters of chance."""
        return f"{prefix}_{_base32(self._bits(5 * length), length)}"


def is_id(text: object, prefix: str) -> bool:
    """Whether this has the form of a timed id with the prefix."""
    head = f"{prefix}_"
    return isinstance(text, str) and text.startswith(head) and _TIMED.fullmatch(text, len(head)) is not None


def _base32(number: int, length: int) -> str:
    return "".join([ALPHABET[number >> bit & 31] for bit in range(5 * length - 5, -1, -5)])
