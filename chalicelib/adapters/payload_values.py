"""Checks and describes values that come from a payload. The sender chooses them, so nothing is assumed about them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from chalicelib.adapters.errors import Unmappable
from chalicelib.core.json_codec import MAX_DEPTH, MAX_DIGITS

# All lookups for one object share these steps. They take at most about 0.4 s of one processor core, and are enough to
# filter a list of 20 000 objects. They are counted instead of timed, so that a payload always has the same outcome.
MAX_STEPS = 200_000
MAX_QUOTED_CHARS = 100
MAX_INTEGER = 10**MAX_DIGITS - 1
# The fields are one level below the root of the object.
MAX_VALUE_DEPTH = MAX_DEPTH - 1


class TooManySteps(Exception):
    """A payload needs more than `MAX_STEPS` steps."""


class Steps:
    """Counts the steps of the lookups in one payload."""

    __slots__ = ("_left",)

    def __init__(self, limit: int = MAX_STEPS) -> None:
        self._left = limit

    def take(self, number: int) -> None:
        """Counts some steps. Raises TooManySteps if too few are left."""
        self._left -= number
        if self._left < 0:
            raise TooManySteps


def check_value(value: Any, path: str, steps: Steps) -> None:
    """Raises Unmappable unless the value at a path is JSON that an object can contain. Takes a step per member.

    Numbers must be finite and have at most `MAX_DIGITS` digits, strings must not contain unpaired surrogates, and there
    are at most `MAX_VALUE_DEPTH` levels.
    """
    level = [value]
    depth = 0
    while level:
        for item in level:
            if problem := _problem_of(item):
                raise Unmappable(f"The value at {path!r} {problem}")
        if depth == MAX_VALUE_DEPTH and any(isinstance(item, dict | list) for item in level):
            raise Unmappable(f"The value at {path!r} is nested deeper than {MAX_VALUE_DEPTH} levels")
        level = list(_members(level, path, steps))
        depth += 1


def count_steps(path: str, steps: Steps, number: int) -> None:
    """Takes some steps for the value at a path. Raises Unmappable if too few are left."""
    try:
        steps.take(number)
    except TooManySteps as error:
        raise Unmappable(f"The value at {path!r} is too large") from error


def is_unicode(text: str) -> bool:
    """Returns whether a text has no unpaired surrogates, so that it can be encoded."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def describe(value: Any) -> str:
    """Describes a value for a reason: its kind, and the beginning of a text."""
    if isinstance(value, str):
        more = "…" if len(value) > MAX_QUOTED_CHARS else ""
        return f"the text {value[:MAX_QUOTED_CHARS]!r}{more}"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    return "a number" if isinstance(value, int | float) else "no JSON value"


def _problem_of(item: Any) -> str | None:
    """Returns what is wrong with a value apart from its members, or None."""
    if item is None or isinstance(item, bool | list):
        return None
    if isinstance(item, str):
        return None if is_unicode(item) else "contains an unpaired surrogate"
    if isinstance(item, dict):
        return None if all(isinstance(name, str) and is_unicode(name) for name in item) else "has an invalid key"
    if isinstance(item, int):
        return None if abs(item) <= MAX_INTEGER else f"contains an integer of more than {MAX_DIGITS} digits"
    if isinstance(item, float):
        return None if math.isfinite(item) else "contains a number that is not finite"
    return "is not JSON"


def _members(level: Iterable[Any], path: str, steps: Steps) -> Iterable[Any]:
    for item in level:
        if isinstance(item, dict | list):
            # Counted before they are collected: a list may contain one large list many times.
            count_steps(path, steps, len(item))
            yield from item.values() if isinstance(item, dict) else item
