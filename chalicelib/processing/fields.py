"""The fields that a hook returns, as JSON text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chalicelib.core.errors import RequestInvalid
from chalicelib.core.json_codec import check_json, to_json

# An object has at most 300 KB, so more than this cannot be stored.
MAX_FIELDS_BYTES = 350_000


class FieldsInvalid(Exception):
    """The hook returned something else than fields that an object can have. The message says what."""


def encode_fields(returned: Any) -> bytes:
    """Returns what a Python function returned, as a JSON object. None becomes an empty one. Raises FieldsInvalid."""
    if returned is None:
        return b"{}"
    if not isinstance(returned, Mapping):
        raise FieldsInvalid(f"The hook returned a value of the type {type(returned).__name__}, not a mapping or None")
    text = to_json({_name(name): _plain(name, value) for name, value in returned.items()})
    return check_fields(text.encode("utf-8", "surrogatepass"))


def check_fields(text: bytes) -> bytes:
    """Returns the JSON text of the fields, if an object can have them. Raises FieldsInvalid."""
    if len(text) > MAX_FIELDS_BYTES:
        raise FieldsInvalid(f"The hook returned {len(text)} bytes of fields; the maximum is {MAX_FIELDS_BYTES}")
    try:
        check_json(text)
    except RequestInvalid as error:
        raise FieldsInvalid(f"The hook returned fields that are not accepted: {error.problems[0].message}") from error
    return text


def _name(name: Any) -> str:
    if not isinstance(name, str):
        raise FieldsInvalid(f"The hook returned a field whose name is of the type {type(name).__name__}, not a string")
    return name


def _plain(name: str, value: Any) -> Any:
    """Returns the value of a field, if it is JSON. Raises FieldsInvalid, which names the field."""
    try:
        to_json(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise FieldsInvalid(f"The hook returned a value in the field {name!r} that is not JSON: {error}") from error
    return value
