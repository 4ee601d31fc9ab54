"""Checks of text, wildcard patterns, and text for case-insensitive comparison."""

from __future__ import annotations

import re
from collections.abc import Iterable

# The rules of `printable` and `unpadded` as regular expressions, for the JSON schemas of the API.
PRINTABLE = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"
UNPADDED = r"^[^\s\x00-\x1f\x7f-\x9f]([^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f])?$"

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def printable(text: str) -> str:
    """Returns the text if it is not blank and has no control characters. Raises ValueError otherwise.

    Pydantic models use it as a validator.
    """
    if not text.strip() or _CONTROL.search(text):
        raise ValueError("must not be blank or contain control characters")
    return text


def unpadded(text: str) -> str:
    """Returns the text if it is printable and neither starts nor ends with whitespace. Raises ValueError otherwise.

    HTTP headers lose whitespace at both ends, so a name with such whitespace could not be sent in a header. Pydantic
    models use it as a validator.
    """
    if text != text.strip():
        raise ValueError("must not start or end with whitespace")
    return printable(text)


def matches_wildcard(text: str, pattern: str) -> bool:
    """Returns whether the entire text matches a pattern, in which `*` matches any number of characters or none."""
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
    """Returns the text for case-insensitive comparison. The entire service uses Unicode case folding for it."""
    return text.casefold()
