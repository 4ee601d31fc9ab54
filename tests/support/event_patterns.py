"""Evaluates the filter patterns of Lambda's event sources, as far as the template uses them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def matches(pattern: Mapping[str, Any], event: Mapping[str, Any]) -> bool:
    """Returns whether an event matches: each named value equals, or fits, one of those in the pattern's list."""
    return all(_fits(wanted, event.get(name), name in event) for name, wanted in pattern.items())


def _fits(wanted: Any, value: Any, exists: bool) -> bool:
    if isinstance(wanted, Mapping):
        return matches(wanted, value if isinstance(value, Mapping) else {})
    return any(_fits_one(each, value, exists) for each in wanted)


def _fits_one(wanted: Any, value: Any, exists: bool) -> bool:
    if not isinstance(wanted, Mapping):
        return bool(exists and wanted == value)
    ((operator, argument),) = wanted.items()
    if operator == "exists":
        return bool(exists == argument)
    if operator == "prefix":
        return isinstance(value, str) and value.startswith(argument)
    raise AssertionError(f"the operator {operator} is not implemented here")
