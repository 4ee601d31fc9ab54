"""Generates and recognizes ids: a prefix that names the resource, such as `bkt_`, then Crockford base32 in lower case.

Time-ordered ids begin with the time of creation, so that sorting by id sorts by time of creation.
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
# No id is longer.
MAX_ID_CHARS = 64

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_TIMED = re.compile(f"[{ALPHABET}]{{{TIMED_CHARS}}}")


class Ids:
    """Generates ids. `bits` returns an integer of the given number of random bits."""

    def __init__(self, clock: Clock, bits: Callable[[int], int] = secrets.randbits) -> None:
        self._clock, self._bits = clock, bits

    def timed(self, prefix: str, moment: datetime | None = None, *, random_chars: int = RANDOM_CHARS) -> str:
        """Returns a time-ordered id: `<prefix>_`, 10 characters of time, then random characters.

        The time is `moment` (by default the current time) in milliseconds since 1970.
        """
        milliseconds = ((moment or self._clock()) - _EPOCH) // _MILLISECOND
        return f"{prefix}_{_base32(milliseconds, TIME_CHARS)}{_base32(self._bits(5 * random_chars), random_chars)}"

    def random(self, prefix: str, length: int) -> str:
        """Returns `<prefix>_` and `length` random characters, of 5 random bits each."""
        return f"{prefix}_{_base32(self._bits(5 * length), length)}"


def is_id(text: object, prefix: str) -> bool:
    """Returns whether `text` has the format of a time-ordered id of 16 characters with this prefix."""
    start = f"{prefix}_"
    return isinstance(text, str) and text.startswith(start) and _TIMED.fullmatch(text, len(start)) is not None


def id_of_digest(prefix: str, digest: bytes, length: int) -> str:
    """Returns `<prefix>_` and `length` characters, which are the first bits of a digest. The same digest has one id."""
    return f"{prefix}_{_base32(int.from_bytes(digest) >> (8 * len(digest) - 5 * length), length)}"


def is_key_part(text: str) -> bool:
    """Returns whether a text from a client can be an id in a key. Another text could be a part of another row's key."""
    return 0 < len(text) <= MAX_ID_CHARS and text.isascii() and text.replace("_", "").isalnum()


def _base32(number: int, length: int) -> str:
    return "".join([ALPHABET[number >> bit & 31] for bit in range(5 * length - 5, -1, -5)])
