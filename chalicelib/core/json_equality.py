"""When two JSON values are the same: true is not 1, but 1 is 1.0, and the order of keys has no meaning."""

from __future__ import annotations

from collections.abc import Collection, Hashable

from chalicelib.core.text import fold


def equality_key(value: object, case_sensitive: bool) -> Hashable:
    """What is equal for two JSON values exactly when they are the same.

    Strings are folded unless `case_sensitive`, inside lists and objects too; keys of objects never are.
    """
    if isinstance(value, str):
        return value if case_sensitive else fold(value)
    if isinstance(value, bool):
        return ("boolean", value)
    if isinstance(value, list):
        return ("list", *(equality_key(member, case_sensitive) for member in value))
    if isinstance(value, dict):
        return ("object", frozenset((name, equality_key(member, case_sensitive)) for name, member in value.items()))
    return value


def json_equal(one: object, other: object) -> bool:
    """Whether two JSON values are the same."""
    # What is the same is equal to Python too, and comparing for that costs next to nothing.
    return one == other and equality_key(one, True) == equality_key(other, True)


def json_equal_to_any(value: object, values: Collection[object]) -> bool:
    """Whether a JSON value is the same as one of these."""
    # What equals none is among none, and text equals nothing but itself: either is found at the speed of C.
    return value in values and (isinstance(value, str) or any(json_equal(value, other) for other in values))
