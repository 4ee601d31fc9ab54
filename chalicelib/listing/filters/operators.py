"""The operators of filters. Each is made into a test of one value of a row."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from chalicelib.core.errors import invalid
from chalicelib.core.json_equality import comparable
from chalicelib.core.json_path import MISSING
from chalicelib.core.text import fold
from chalicelib.listing.filters.patterns import read_pattern
from chalicelib.listing.filters.subjects import FieldValue, spaced, words_of

Test = Callable[[FieldValue], bool]
Location = tuple[str | int, ...]

_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "gt": lambda a, b: a > b,
    "gte": lambda a, b: a >= b,
    "lt": lambda a, b: a < b,
    "lte": lambda a, b: a <= b,
}
_TEXT = ("starts_with", "ends_with", "text", "phrase", "words")
OPERATORS = ("eq", "ne", *_ORDER, "in", "nin", "contains", *_TEXT, "regex", "exists", "is_null")


def read_operator(operator: str, wanted: Any, *, case_sensitive: bool, place: Location) -> Test:
    """The test that an operator and its value make. Raises RequestInvalid at `place` for a value it cannot take."""
    if operator in ("eq", "ne"):
        return _equality(operator, wanted, case_sensitive)
    if operator in ("in", "nin"):
        return _membership(operator, _list(wanted, place), case_sensitive)
    if operator in _ORDER:
        return _ordering(operator, _ordered(wanted, place), case_sensitive)
    if operator in ("exists", "is_null"):
        return _presence(operator, _bool(wanted, place))
    if operator == "contains":
        return _containing(wanted, case_sensitive)
    text = _string(wanted, place)
    if operator == "regex":
        search = read_pattern(text, case_sensitive=case_sensitive, place=place)
        return lambda subject: isinstance(subject.value, str) and search(subject.value)
    # `text` has no case by definition; the others have it on demand.
    return _textual(operator, text, case_sensitive and operator != "text")


def _equality(operator: str, wanted: Any, case_sensitive: bool) -> Test:
    same, expected = comparable(wanted, case_sensitive), operator == "eq"
    return lambda subject: (subject.comparable(case_sensitive) == same) is expected


def _membership(operator: str, wanted: list[Any], case_sensitive: bool) -> Test:
    members, expected = {comparable(member, case_sensitive) for member in wanted}, operator == "in"
    # Looking a large list up hashes all of it, so that is done only where it may well be a member.
    hashes = set(map(hash, members))

    def test(subject: FieldValue) -> bool:
        found = subject.hash(case_sensitive) in hashes and subject.comparable(case_sensitive) in members
        return found is expected

    return test


def _textual(operator: str, wanted: str, case_sensitive: bool) -> Test:
    part = _folded(wanted, case_sensitive)
    found = _finding(operator, part, case_sensitive)
    return lambda subject: isinstance(subject.value, str) and found(subject)


def _finding(operator: str, part: str, case_sensitive: bool) -> Test:
    """The test of a value that is a text."""
    if operator == "starts_with":
        return lambda subject: subject.text(case_sensitive).startswith(part)
    if operator == "ends_with":
        return lambda subject: subject.text(case_sensitive).endswith(part)
    if operator == "text":
        return lambda subject: part in subject.text(case_sensitive)
    words, phrase = frozenset(words_of(part)), spaced(part)
    if operator == "words":
        return lambda subject: words <= subject.words(case_sensitive)
    return lambda subject: not words or phrase in subject.spaced(case_sensitive)


def _ordering(operator: str, wanted: Any, case_sensitive: bool) -> Test:
    compare = _ORDER[operator]
    if not isinstance(wanted, str):
        return lambda subject: _is_number(subject.value) and compare(subject.value, wanted)
    moment, text = _moment(wanted), _folded(wanted, case_sensitive)

    def test(subject: FieldValue) -> bool:
        if not isinstance(subject.value, str):
            return False
        own = _moment(subject.value) if moment is not None else None
        if own is not None:
            return compare(own, moment)
        return compare(subject.text(case_sensitive), text)

    return test


def _presence(operator: str, wanted: bool) -> Test:
    if operator == "exists":
        return lambda subject: (subject.value is not MISSING) is wanted
    return lambda subject: (subject.value is None) is wanted


def _containing(wanted: Any, case_sensitive: bool) -> Test:
    part = comparable(wanted, case_sensitive)

    def test(subject: FieldValue) -> bool:
        if isinstance(subject.value, list):
            return part in subject.members(case_sensitive)
        return isinstance(subject.value, str) and isinstance(part, str) and part in subject.text(case_sensitive)

    return test


def _folded(text: str, case_sensitive: bool) -> str:
    return text if case_sensitive else fold(text)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _moment(value: Any) -> datetime | None:
    # `2026` and `20260101` parse as dates too, but nobody who compares such text means a date.
    if not isinstance(value, str) or len(value) < 10 or value[4:5] != "-":
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _list(wanted: Any, place: Location) -> list[Any]:
    if not isinstance(wanted, list):
        raise invalid(*place, message="The operator takes a list", type="list_type")
    return wanted


def _bool(wanted: Any, place: Location) -> bool:
    if not isinstance(wanted, bool):
        raise invalid(*place, message="The operator takes true or false", type="bool_type")
    return wanted


def _string(wanted: Any, place: Location) -> str:
    if not isinstance(wanted, str):
        raise invalid(*place, message="The operator takes a string", type="string_type")
    return wanted


def _ordered(wanted: Any, place: Location) -> Any:
    if isinstance(wanted, bool) or not isinstance(wanted, str | int | float):
        raise invalid(*place, message="The operator takes a number or a string", type="value_error")
    return wanted
