"""The `regex` operator, with bounded time and memory for any pattern.

Patterns are searched for by the `regex` crate of Rust (through pydantic-core), which has neither back-references nor
look-around and searches in time linear in the text. That time also grows with the length of the pattern after every
counted repetition is written out, so this length is limited.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from chalicelib.core.errors import invalid

MAX_PATTERN_LENGTH = 200
# The maximum sum of the lengths of all patterns of a filter, with their counted repetitions written out: `a{3}` is
# `aaa`. It bounds the time for one row and the memory of the patterns. docs/decisions/filters.md has the measurements.
MAX_EXPANDED_LENGTH = 500
_COUNT = re.compile(r"\{\s*(\d*)\s*(?:,\s*(\d*)\s*)?\}")
_REPEATED_ENDINGS = (")", "}", "*", "+", "?")
# Outside of character classes: an escaped character, flags that are turned on, or any one character.
_TOKEN = re.compile(r"\\.|\(\?(?P<flags>[A-Za-z]*)|.", re.DOTALL)
# The start of a character class. Dashes, or one `]`, at its start are members.
_OPENING = re.compile(r"\[\^?(?:-+|\]?)")
# A member of a class or a range of members, which may end in `[`.
_MEMBER = re.compile(r"(?:\\.|.)(?:-(?![\]-])(?:\\.|.))?", re.DOTALL)
_OPERATORS = ("&&", "--", "~~")


def read_pattern(pattern: str, *, case_sensitive: bool, location: tuple[str | int, ...]) -> Callable[[str], bool]:
    """Returns a function that tests whether a text contains a match of the pattern.

    Raises RequestInvalid at `location` for a pattern that is invalid, too long or too expensive.
    """
    from pydantic_core import SchemaError, SchemaValidator, core_schema

    if len(pattern) > MAX_PATTERN_LENGTH:
        message = f"A pattern has at most {MAX_PATTERN_LENGTH} characters"
        raise invalid(*location, message=message, type="string_too_long")
    # With the flag `x`, counts may contain blanks and comments, and _COUNT would not find them.
    if expanded_length(pattern) > MAX_EXPANDED_LENGTH or _is_verbose(pattern):
        message = "The pattern repeats too much, or has the flag x"
        raise invalid(*location, message=message, type="regex")
    try:
        validator = SchemaValidator(core_schema.str_schema(pattern=pattern if case_sensitive else f"(?i){pattern}"))
    except SchemaError as error:
        message = "Not a regular expression that can be searched for in linear time"
        raise invalid(*location, message=message, type="regex") from error
    return validator.isinstance_python


def _is_verbose(pattern: str) -> bool:
    """Whether a pattern turns the flag `x` on anywhere. The result has no meaning for an invalid pattern."""
    index = 0
    while index < len(pattern):
        if pattern[index] == "[":
            index = _end_of_class(pattern, index)
        elif found := _TOKEN.match(pattern, index):
            if "x" in (found["flags"] or ""):
                return True
            index = found.end()
    return False


def _end_of_class(pattern: str, index: int) -> int:
    """Returns the index after the character class that starts at `index`, including nested classes."""
    depth = 0
    while index < len(pattern):
        found = _OPENING.match(pattern, index) or _MEMBER.match(pattern, index)
        if pattern[index] == "]":
            depth, index = depth - 1, index + 1
            if not depth:
                return index
        elif pattern.startswith(_OPERATORS, index):
            index += 2
        elif found:
            depth, index = depth + (pattern[index] == "["), found.end()
    return index


def expanded_length(pattern: str) -> int:
    """Returns an upper bound of the pattern's length with all counted repetitions written out.

    Counts after a group or after another repetition are multiplied, all others are added.
    """
    length, times = len(pattern), 1
    for found in _COUNT.finditer(pattern):
        count = max(int(digits or 1) for digits in found.groups(""))
        if pattern[: found.start()].endswith(_REPEATED_ENDINGS):
            times *= max(count, 1)
        else:
            length += count
    return length * times
