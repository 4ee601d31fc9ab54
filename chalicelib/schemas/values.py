"""Checks whether a JSON value fits a field of a bucket's schema."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from chalicelib.core.errors import Problem
from chalicelib.core.json_equality import json_equal_to_any

Location = tuple[str | int, ...]
Field = Mapping[str, Any]  # a BucketSchemaField as a stored JSON document

# Error messages list allowed values and names up to these limits.
MAX_LISTED_CHARS = 600
MAX_LISTED_NAMES = 50

FILE_TYPES = frozenset({"text", "image", "audio", "video", "pdf", "excel"})

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DATETIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?(Z|[+-][0-9]{2}:[0-9]{2})?"
)


def problems_in(value: Any, field: Field, location: Location) -> Iterator[Problem]:
    """Yields the problems of a value that does not fit a field, with their locations. Lazy: callers may stop early.

    The field must be part of a schema that has passed `check_schema`.
    """
    fits = True
    for problem in problems_besides_enum(value, field, location):
        fits = False
        yield problem
    if fits and field.get("enum") is not None and not json_equal_to_any(value, field["enum"]):
        yield Problem(location, f"The value is not one of the field's allowed values: {_listed(field['enum'])}", "enum")


def problems_besides_enum(value: Any, field: Field, location: Location) -> Iterator[Problem]:
    """Yields the same problems as `problems_in`, except for the field's own `enum`."""
    type_ = field["type"]
    fits, expectation = _TYPES[type_]
    if not fits(value):
        yield Problem(location, f"A field of type {type_} takes {expectation}", f"{type_}_type")
    elif type_ == "object" and field.get("properties"):
        yield from _members(value, field["properties"], location)
    elif type_ == "array" and field.get("items") is not None:
        for index, element in enumerate(value):
            yield from problems_in(element, field["items"], (*location, index))


def file_field_message(name: str, type_: str) -> str:
    """The message for a field of a file type that is given a value instead of a blob."""
    blob = f'{{"property": "{name}", "type": "{type_}", "data": …}}'
    return f"{name!r} is a field of type {type_}, which holds a file: send it in blobs, as {blob}"


def _members(values: Mapping[str, Any], fields: Mapping[str, Field], location: Location) -> Iterator[Problem]:
    for name in values:
        if name not in fields:
            yield Problem(
                (*location, name),
                f"The field declares no member with this name; declared: {_names(fields)}",
                "extra_forbidden",
            )
    for name, field in fields.items():
        # A null member counts as absent. An absent member that has a default gets the default, so it is not missing.
        if (value := values.get(name)) is not None:
            yield from problems_in(value, field, (*location, name))
        elif field.get("required") and field.get("default") is None:
            yield Problem((*location, name), "Field required", "missing")


def _listed(values: Sequence[Any]) -> str:
    """The values as JSON, at most as many as fit into an error message."""
    from chalicelib.core.json_codec import to_json

    shown: list[str] = []
    for value in values:
        text = to_json(value)
        if len(", ".join([*shown, text])) > MAX_LISTED_CHARS:
            return ", ".join([*shown, f"and {len(values) - len(shown)} more"])
        shown.append(text)
    return ", ".join(shown)


def _names(fields: Iterable[str]) -> str:
    return ", ".join(sorted(fields)[:MAX_LISTED_NAMES])


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_date(value: Any) -> bool:
    return isinstance(value, str) and bool(_DATE.fullmatch(value)) and _parses(date.fromisoformat, value)


def _is_datetime(value: Any) -> bool:
    return isinstance(value, str) and bool(_DATETIME.fullmatch(value)) and _parses(datetime.fromisoformat, value)


def _parses(parse: Callable[[str], object], text: str) -> bool:
    try:
        parse(text)
    except ValueError:
        return False
    return True


def _is(*types: type) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, types)


_FILE = (_is(str, dict), "a string (URL, data URI or text) or an object that carries the content")
_TYPES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "string": (_is(str), "a string"),
    "number": (_is_number, "a number"),
    "float": (_is_number, "a number"),
    "integer": (_is_integer, "an integer"),
    "boolean": (_is(bool), "true or false"),
    "object": (_is(dict), "an object"),
    "array": (_is(list), "an array"),
    "date": (_is_date, "a date as YYYY-MM-DD"),
    "datetime": (_is_datetime, "a date and time as YYYY-MM-DDTHH:MM:SSZ"),
    **dict.fromkeys(FILE_TYPES, _FILE),
}
