"""The operators of filters. Each is made into a test of one value, which may be MISSING."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from chalicelib.foundation.paths import MISSING
from chalicelib.foundation.refusals import invalid
from chalicelib.foundation.search import fold

Test = Callable[[Any], bool]
Location = tuple[str | int, ...]
MAX_PATTERN = 200

_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "gt": lambda a, b: a > b,
    "gte": lambda a, b: a >= b,
    "lt": lambda a, b: a < b,
    "lte": lambda a, b: a <= b,
}
_TEXT: dict[str, Callable[[str, str], bool]] = {
    "starts_with": lambda text, part: text.startswith(part),
    "ends_with": lambda text, part: text.endswith(part),
    "text": lambda text, part: part in text,
    "phrase": lambda text, part: _adjacent(_words(text), _words(part)),
    "words": lambda text, part: set(_words(part)) <= set(_words(text)),
}
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
        return _regex(text, case_sensitive, place)
    # `text` has no case by definition; the others have it on demand.
    case_sensitive = case_sensitive and operator != "text"
    part, compare = _folded(text, case_sensitive), _TEXT[operator]
    return lambda value: isinstance(value, str) and compare(_folded(value, case_sensitive), part)


def same(a: Any, b: Any) -> bool:
    """Equality of JSON values: true is not 1, but 1 is 1.0."""
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[name], b[name]) for name in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(a == b)


def _folded(value: Any, case_sensitive: bool) -> Any:
    """The value with every string in it folded, keys of objects left as they are."""
    if case_sensitive:
        return value
    if isinstance(value, str):
        return fold(value)
    if isinstance(value, list):
        return [_folded(member, False) for member in value]
    if isinstance(value, dict):
        return {name: _folded(member, False) for name, member in value.items()}
    return value


def _equality(operator: str, wanted: Any, case_sensitive: bool) -> Test:
    folded, expected = _folded(wanted, case_sensitive), operator == "eq"
    return lambda value: same(_folded(value, case_sensitive), folded) is expected


def _membership(operator: str, wanted: list[Any], case_sensitive: bool) -> Test:
    folded, expected = [_folded(member, case_sensitive) for member in wanted], operator == "in"

    def test(value: Any) -> bool:
        own = _folded(value, case_sensitive)
        return any(same(own, member) for member in folded) is expected

    return test


def _ordering(operator: str, wanted: Any, case_sensitive: bool) -> Test:
    compare = _ORDER[operator]
    moment, folded = _moment(wanted), _folded(wanted, case_sensitive)

    def test(value: Any) -> bool:
        if isinstance(value, bool) or isinstance(value, str) is not isinstance(wanted, str):
            return False
        if not isinstance(value, str | int | float):
            return False
        own = _moment(value) if moment is not None else None
        if own is not None:
            return compare(own, moment)
        return compare(_folded(value, case_sensitive), folded)

    return test


def _presence(operator: str, wanted: bool) -> Test:
    if operator == "exists":
        return lambda value: (value is not MISSING) is wanted
    return lambda value: (value is None) is wanted


def _containing(wanted: Any, case_sensitive: bool) -> Test:
    part = _folded(wanted, case_sensitive)

    def test(value: Any) -> bool:
        if isinstance(value, list):
            return any(same(_folded(member, case_sensitive), part) for member in value)
        return isinstance(value, str) and isinstance(part, str) and part in _folded(value, case_sensitive)

    return test


def _regex(pattern: str, case_sensitive: bool, place: Location) -> Test:
    """A search in linear time: Rust's engine, which knows no back-references and no look-around."""
    from pydantic_core import SchemaError, SchemaValidator, core_schema

    if len(pattern) > MAX_PATTERN:
        message = f"A pattern has at most {MAX_PATTERN} characters"
        raise invalid(*place, message=message, type="string_too_long")
    try:
        validator = SchemaValidator(core_schema.str_schema(pattern=pattern if case_sensitive else f"(?i){pattern}"))
    except SchemaError as error:
        message = "Not a regular expression that can be searched for in linear time"
        raise invalid(*place, message=message, type="regex") from error
    return lambda value: isinstance(value, str) and validator.isinstance_python(value)


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text)


def _adjacent(words: list[str], part: list[str]) -> bool:
    return any(words[start : start + len(part)] == part for start in range(len(words) - len(part) + 1))


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
