"""The `regex` operator: a search whose time and memory are bounded, whatever the pattern.

Rust's engine, which knows no back-references and no look-around, searches in time linear in the text;
the factor is the size of the pattern with its counted repetitions written out, so that is bounded too.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from chalicelib.foundation.refusals import invalid

MAX_PATTERN = 200
# What a pattern may come to with its counts written out. Beyond, one search could take seconds and 50 MB.
MAX_WRITTEN_OUT = 1_000
_COUNT = re.compile(r"\{\s*(\d*)\s*(?:,\s*(\d*)\s*)?\}")
_STACKED = (")", "}", "*", "+", "?")
# With the flag `x`, counts could hold blanks and comments and no longer be found.
_VERBOSE = re.compile(r"\(\?[A-Za-z-]*x")


def read_pattern(pattern: str, *, case_sensitive: bool, place: tuple[str | int, ...]) -> Callable[[str], bool]:
    """Whether a text holds the pattern somewhere. Raises RequestInvalid at `place` for one we do not search for."""
    from pydantic_core import SchemaError, SchemaValidator, core_schema

    if len(pattern) > MAX_PATTERN:
        message = f"A pattern has at most {MAX_PATTERN} characters"
        raise invalid(*place, message=message, type="string_too_long")
    if _written_out(pattern) > MAX_WRITTEN_OUT or _VERBOSE.search(pattern):
        message = "The pattern repeats too much, or has the flag x"
        raise invalid(*place, message=message, type="regex")
    try:
        validator = SchemaValidator(core_schema.str_schema(pattern=pattern if case_sensitive else f"(?i){pattern}"))
    except SchemaError as error:
        message = "Not a regular expression that can be searched for in linear time"
        raise invalid(*place, message=message, type="regex") from error
    return validator.isinstance_python


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
