"""How lists compare texts: the same order for sorts, comparisons and equality."""

from __future__ import annotations

from collections.abc import Callable

from chalicelib.core.instants import instant_key
from chalicelib.core.text import fold


def text_key(text: str) -> str:
    """Returns the key of a text that is compared without regard to case. Keys compare with `==` and `<`.

    The key of a date or time is its instant, so that all its notations are equal.
    """
    return fold(instant_key(text) or text)


def case_sensitive_text_key(text: str) -> str:
    """Returns the key of a text that is compared with regard to case; otherwise the same as `text_key`."""
    return instant_key(text) or text


def text_key_of(*, case_sensitive: bool) -> Callable[[str], str]:
    """Returns the function that makes the keys."""
    return case_sensitive_text_key if case_sensitive else text_key
