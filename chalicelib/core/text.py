"""Text of a certain form."""

from __future__ import annotations

import re

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


def fold(text: str) -> str:
    """The text for comparison without regard to case: Unicode case folding, the same everywhere in the service."""
    return text.casefold()
