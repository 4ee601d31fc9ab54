"""The `regex` operator: a search whose time and memory are bounded, whatever the pattern.

Rust's engine, which knows no back-references and no look-around, searches in time linear in the text;
the factor is the size of the pattern with its counted repetitions written out, so that is bounded too.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from chalicelib.core.errors import invalid

MAX_PATTERN_LENGTH = 200
# What a pattern may come to with its counts written out. Beyond, one search could take seconds and 50 MB.
MAX_EXPANDED_LENGTH = 1_000
_COUNT = re.compile(r"\{\s*(\d*)\s*(?:,\s*(\d*)\s*)?\}")
_STACKED = (")", "}", "*", "+", "?")
# Outside of classes: something escaped, flags that are turned on, or any one character.
_TOKEN = re.compile(r"\\.|\(\?(?P<flags>[A-Za-z]*)|.", re.DOTALL)
# A class begins with dashes that are members, or with a `]` that is one.
_OPENING = re.compile(r"\[\^?(?:-+|\]?)")
# A member of a class or a range of them, whose end may be a `[`.
_MEMBER = re.compile(r"(?:\\.|.)(?:-(?![\]-])(?:\\.|.))?", re.DOTALL)
_OPERATORS = ("&&", "--", "~~")


def read_pattern(pattern: str, *, case_sensitive: bool, place: tuple[str | int, ...]) -> Callable[[str], bool]:
    """Whether a text holds the pattern somewhere. Raises RequestInvalid at `place` for one we do not search for."""
    from pydantic_core import SchemaError, SchemaValidator, core_schema

    if len(pattern) > MAX_PATTERN_LENGTH:
        message = f"A pattern has at most {MAX_PATTERN_LENGTH} characters"
        raise invalid(*place, message=message, type="string_too_long")
    # With the flag `x`, counts could hold blanks and comments and no longer be found.
    if _written_out(pattern) > MAX_EXPANDED_LENGTH or _is_verbose(pattern):
        message = "The pattern repeats too much, or has the flag x"
        raise invalid(*place, message=message, type="regex")
    try:
        validator = SchemaValidator(core_schema.str_schema(pattern=pattern if case_sensitive else f"(?i){pattern}"))
    except SchemaError as error:
        message = "Not a regular expression that can be searched for in linear time"
        raise invalid(*place, message=message, type="regex") from error
    return validator.isinstance_python


def _is_verbose(pattern: str) -> bool:
    """Whether the flag `x` is turned on anywhere in a pattern, if that is one that compiles."""
    place = 0
    while place < len(pattern):
        if pattern[place] == "[":
            place = _behind_class(pattern, place)
        elif found := _TOKEN.match(pattern, place):
            if "x" in (found["flags"] or ""):
                return True
            place = found.end()
    return False


def _behind_class(pattern: str, place: int) -> int:
    """Where the class that begins at `place` is over, with all classes inside of it."""
    depth = 0
    while place < len(pattern):
        found = _OPENING.match(pattern, place) or _MEMBER.match(pattern, place)
        if pattern[place] == "]":
            depth, place = depth - 1, place + 1
            if not depth:
                return place
        elif pattern.startswith(_OPERATORS, place):
            place += 2
        elif found:
            depth, place = depth + (pattern[place] == "["), found.end()
    return place


def _written_out(pattern: str) -> int:
    """At most how long the pattern is with counts written out. Counts of groups multiply, others add up."""
    length, times = len(pattern), 1
    for found in _COUNT.finditer(pattern):
        count = max(int(digits or 1) for digits in found.groups(""))
        if pattern[: found.start()].endswith(_STACKED):
            times *= max(count, 1)
        else:
            length += count
    return length * times
