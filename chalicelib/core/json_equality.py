"""Equality of JSON values. Unlike in Python, `true` differs from 1. As in Python, 1 equals 1.0."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable


def equality_key(value: object, text_key: Callable[[str], str] = str) -> Hashable:
    """Returns a hashable key. Two JSON values are equal if and only if their keys are equal.

    `text_key` returns the same text for equal strings, also inside lists and objects; by default, equal strings are
    identical. Object keys always differ by case, and their order is irrelevant. The hash of a key cannot be predicted:
    Python hashes texts with a secret, but numbers without one, so a client could send many numbers with the same hash.
    """
    if isinstance(value, str):
        return text_key(value)
    if isinstance(value, bool):
        return ("boolean", value)
    if isinstance(value, int | float):
        return ("number", repr(int(value) if isinstance(value, float) and value.is_integer() else value))
    if isinstance(value, list):
        return ("list", *(equality_key(member, text_key) for member in value))
    if isinstance(value, dict):
        return ("object", frozenset((name, equality_key(member, text_key)) for name, member in value.items()))
    return value


def json_equal(one: object, other: object) -> bool:
    """Returns whether two JSON values are equal."""
    # Values that differ in Python always differ in JSON, and the comparison in Python is fast.
    return one == other and equality_key(one) == equality_key(other)


def json_equal_to_any(value: object, values: Collection[object]) -> bool:
    """Returns whether a JSON value equals one of these values."""
    # `in` is fast. Its result is final if it is false or the value is a string.
    return value in values and (isinstance(value, str) or any(json_equal(value, other) for other in values))
