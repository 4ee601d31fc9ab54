"""The operators of filters. Each operator, with its operand, becomes a test of one value of a row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chalicelib.core.errors import invalid
from chalicelib.core.json_path import MISSING
from chalicelib.core.text import fold
from chalicelib.listing.filters.patterns import read_pattern
from chalicelib.listing.filters.subjects import FieldValue, key_of, spaced, words_of

Test = Callable[[FieldValue], bool]
Location = tuple[str | int, ...]

_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "gt": lambda a, b: a > b,
    "gte": lambda a, b: a >= b,
    "lt": lambda a, b: a < b,
    "lte": lambda a, b: a <= b,
}
_TEXT = ("starts_with", "ends_with", "text", "phrase", "words")
# The maximum length of the list of `in` and `nin`.
MAX_VALUES = 1_000
OPERATORS = ("eq", "ne", *_ORDER, "in", "nin", "contains", *_TEXT, "regex", "exists", "is_null")


def read_operator(operator: str, operand: Any, *, case_sensitive: bool, location: Location) -> Test:
    """Returns the test for an operator and its operand. Raises RequestInvalid at `location` for an invalid operand."""
    if operator in ("eq", "ne"):
        return _equality(operator, operand, case_sensitive)
    if operator in ("in", "nin"):
        return _membership(operator, _list(operand, location), case_sensitive)
    if operator in _ORDER:
        return _ordering(operator, _ordered(operand, location), case_sensitive)
    if operator in ("exists", "is_null"):
        return _presence(operator, _bool(operand, location))
    if operator == "contains":
        return _contains(operand, case_sensitive)
    text = _string(operand, location)
    if operator == "regex":
        search = read_pattern(text, case_sensitive=case_sensitive, location=location)
        return lambda field: isinstance(field.value, str) and search(field.value)
    # `text` always ignores case (see docs/reference/api-conventions.md).
    return _text_operator(operator, text, case_sensitive and operator != "text")


def _equality(operator: str, operand: Any, case_sensitive: bool) -> Test:
    same, expected = key_of(operand, case_sensitive), operator == "eq"
    return lambda field: (field.equality_key(case_sensitive) == same) is expected


def _membership(operator: str, operand: list[Any], case_sensitive: bool) -> Test:
    members, expected = {key_of(member, case_sensitive) for member in operand}, operator == "in"
    # A lookup in `members` hashes the entire value every time, and the value may be a large list. Its hash is computed
    # once per row, so most values that are not members are found without a lookup.
    hashes = set(map(hash, members))

    def test(field: FieldValue) -> bool:
        found = field.hash(case_sensitive) in hashes and field.equality_key(case_sensitive) in members
        return found is expected

    return test


def _text_operator(operator: str, operand: str, case_sensitive: bool) -> Test:
    part = _folded(operand, case_sensitive)
    found = _text_test(operator, part, case_sensitive)
    return lambda field: isinstance(field.value, str) and found(field)


def _text_test(operator: str, part: str, case_sensitive: bool) -> Test:
    """Returns the test for a value that is known to be a text."""
    if operator == "starts_with":
        return lambda field: field.text(case_sensitive).startswith(part)
    if operator == "ends_with":
        return lambda field: field.text(case_sensitive).endswith(part)
    if operator == "text":
        return lambda field: part in field.text(case_sensitive)
    words, phrase = frozenset(words_of(part)), spaced(part)
    if operator == "words":
        return lambda field: words <= field.words(case_sensitive)
    return lambda field: not words or phrase in field.spaced(case_sensitive)


def _ordering(operator: str, operand: Any, case_sensitive: bool) -> Test:
    compare = _ORDER[operator]
    if not isinstance(operand, str):
        return lambda field: _is_number(field.value) and compare(field.value, operand)
    key = key_of(operand, case_sensitive)
    return lambda field: isinstance(field.value, str) and compare(field.equality_key(case_sensitive), key)


def _presence(operator: str, operand: bool) -> Test:
    if operator == "exists":
        return lambda field: (field.value is not MISSING) is operand
    return lambda field: (field.value is None) is operand


def _contains(operand: Any, case_sensitive: bool) -> Test:
    member = key_of(operand, case_sensitive)
    part = _folded(operand, case_sensitive) if isinstance(operand, str) else None

    def test(field: FieldValue) -> bool:
        if isinstance(field.value, list):
            return member in field.members(case_sensitive)
        return isinstance(field.value, str) and part is not None and part in field.text(case_sensitive)

    return test


def _folded(text: str, case_sensitive: bool) -> str:
    return text if case_sensitive else fold(text)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _list(operand: Any, location: Location) -> list[Any]:
    if not isinstance(operand, list):
        raise invalid(*location, message="The operator takes a list", type="list_type")
    if len(operand) > MAX_VALUES:
        raise invalid(*location, message=f"The list has at most {MAX_VALUES} values", type="too_long")
    return operand


def _bool(operand: Any, location: Location) -> bool:
    if not isinstance(operand, bool):
        raise invalid(*location, message="The operator takes true or false", type="bool_type")
    return operand


def _string(operand: Any, location: Location) -> str:
    if not isinstance(operand, str):
        raise invalid(*location, message="The operator takes a string", type="string_type")
    return operand


def _ordered(operand: Any, location: Location) -> Any:
    if isinstance(operand, bool) or not isinstance(operand, str | int | float):
        raise invalid(*location, message="The operator takes a number or a string", type="value_error")
    return operand
