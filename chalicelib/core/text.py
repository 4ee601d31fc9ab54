"""Checks of text, and text for case-insensitive comparison."""

from __future__ import annotations

import re

# The rules of `printable` and `unpadded` as regular expressions, for the JSON schemas of the API.
PRINTABLE = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"
UNPADDED = r"^[^\s\x00-\x1f\x7f-\x9f]([^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f])?$"

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def printable(text: str) -> str:
    """Returns the text if it is not blank and has no control characters. Raises ValueError otherwise.

    Pydantic models use it as a validator.
    """
    if not text.strip() or _CONTROL.search(text):
        raise ValueError("must not be blank or hold control characters")
    return text


def unpadded(text: str) -> str:
    """Returns the text if it is printable and neither starts nor ends with whitespace. Raises ValueError otherwise.

    HTTP headers lose whitespace at both ends, so a name that has some could not be sent in a header.
    Pydantic models use it as a validator.
    """
    if text != text.strip():
        raise ValueError("must not start or end with a blank")
    return printable(text)


def fold(text: str) -> str:
    """Returns the text for case-insensitive comparison. The whole service uses Unicode case folding for it."""
    return text.casefold()
