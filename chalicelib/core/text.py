"""Rules for texts: printable names, case folding, wildcard patterns."""

from __future__ import annotations

import re
from collections.abc import Iterable

# The same as JSON Schema has it, for the documentation.
PRINTABLE = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"
UNPADDED = r"^[^\s\x00-\x1f\x7f-\x9f]([^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f])?$"

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def printable(text: str) -> str:
    """The text, if it can be read as a name: not blank, and without control characters.

    Raises ValueError otherwise, so that it can stand in a pydantic model.
    """
    if not text.strip() or _CONTROL.search(text):
        raise ValueError("must not be blank or hold control characters")
    return text


def unpadded(text: str) -> str:
    """The text, if it is printable and has no blank at either end, where a header would lose it.

    Raises ValueError otherwise, so that it can stand in a pydantic model.
    """
    if text != text.strip():
        raise ValueError("must not start or end with a blank")
    return printable(text)


def matches_wildcard(text: str, pattern: str) -> bool:
    """Returns whether the entire text matches a pattern in which `*` matches any number of characters, also none."""
    first, *rest = pattern.split("*")
    if not rest:
        return text == first
    *middle, last = rest
    end = len(text) - len(last)
    if not text.startswith(first) or end < len(first) or not text.endswith(last):
        return False
    return contains_in_order(text, middle, len(first), end)


def contains_in_order(text: str, pieces: Iterable[str], start: int = 0, end: int | None = None) -> bool:
    """Returns whether `text[start:end]` contains all pieces one after another, without overlap."""
    for piece in pieces:
        found = text.find(piece, start, end)
        if found < 0:
            return False
        start = found + len(piece)
    return True


def fold(text: str) -> str:
    """The text for comparison without regard to case: Unicode case folding, the same everywhere in the service."""
    return text.casefold()
