"""Dotted paths into JSON values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

# The longest path that a request may name: what it takes to follow one grows with the square of its length.
MAX_PATH = 500


class _Missing:
    """What stands at a path that leads nowhere."""


MISSING: Final = _Missing()


def value_at(value: Any, path: str) -> Any:
    """The value at a dotted path of keys and list indexes, or MISSING. A key that holds dots is found too."""
    if isinstance(value, Mapping):
        if path in value:
            return value[path]
        places = [place for place, char in enumerate(path) if char == "."]
        for place in places:
            if path[:place] in value:
                found = value_at(value[path[:place]], path[place + 1 :])
                if found is not MISSING:
                    return found
        return MISSING
    if isinstance(value, list):
        head, dot, rest = path.partition(".")
        if head.isascii() and head.isdigit() and len(head) < 10 and int(head) < len(value):
            return value_at(value[int(head)], rest) if dot else value[int(head)]
    return MISSING
