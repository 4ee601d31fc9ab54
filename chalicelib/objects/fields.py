"""Checks the fields of an object against the bucket's schema, and computes them for a new or changed object.

Fields that the schema does not declare are stored as they are. A field of a file type has blobs instead of a value;
`blobs.content` checks those.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import islice
from types import MappingProxyType
from typing import Any

from chalicelib.core.errors import Problem, RequestInvalid
from chalicelib.core.json_equality import json_equal
from chalicelib.objects.errors import UniqueKeyChange
from chalicelib.objects.nested_fields import field_value, nested_fields
from chalicelib.schemas.reserved_names import RESERVED_OBJECT_NAMES
from chalicelib.schemas.values import FILE_TYPES, Field, file_field_message, problems_in

Values = Mapping[str, Any]
Schema = Mapping[str, Any]

BODY = ("body",)
MAX_PROBLEMS = 100

# A parameter of the query string. In the body it would have no effect, so it is rejected there.
QUERY_PARAMETER = "auto_process"


def check_names(sent: Iterable[str], schema: Schema) -> None:
    """Raises RequestInvalid for field names that are reserved for the service."""
    problems = [
        Problem((*BODY, name), text, "reserved_name") for name in sent if (text := _reserved_text(name, schema))
    ]
    if problems:
        raise RequestInvalid(problems[:MAX_PROBLEMS])


def with_blob_metadata(sent: Values, blob_metadata: Iterable[Values]) -> dict[str, Any]:
    """The fields in a request, completed by the metadata of its files.

    If several files have the same metadata key, the value of the first file is used. Reserved names are ignored.
    """
    values = dict(sent)
    for metadata in blob_metadata:
        for name, value in metadata.items():
            if not _is_reserved(name):
                values.setdefault(name, value)
    return values


def new_values(sent: Values, filled: Collection[str], schema: Schema, *, key: Collection[str] = ()) -> dict[str, Any]:
    """The fields of a new object, with the defaults of the schema.

    `filled` has the schema fields that have a blob, `key` the fields of the unique key. A declared field that is
    null counts as absent. Raises RequestInvalid with the problems of all fields that do not conform to the schema,
    or of all required fields that are absent.
    """
    fields: Mapping[str, Field] = schema["properties"]
    values = {name: value for name, value in sent.items() if value is not None or name not in fields}
    for name, field in fields.items():
        if name not in values and field.get("default") is not None and field["type"] not in FILE_TYPES:
            values[name] = field["default"]
    _raise(_value_problems(values, values, fields))
    _raise(_nested_problems(values, fields, key))
    _raise(_missing(values, filled, fields))
    return with_defaults(values, fields)


def changed_values(
    old: Values, sent: Values, filled: Collection[str], schema: Schema, *, key: Collection[str] = ()
) -> dict[str, Any]:
    """The fields after an update: those in the request are replaced, or removed if null. The others do not change.

    Only fields in the request are checked, so that an object that was written before a schema change can still be
    updated. `filled` and `key` are as in `new_values`. Raises RequestInvalid, or UniqueKeyChange if a field of the
    unique key changes.
    """
    fields: Mapping[str, Field] = schema["properties"]
    values = {**old, **sent}
    for name, value in sent.items():
        if value is None:
            del values[name]
            default = fields.get(name, {}).get("default")
            if default is not None and fields[name]["type"] not in FILE_TYPES:
                values[name] = default
    _raise(_value_problems(sent, values, fields))
    nested = _nested(old, fields)
    _raise(_nested_problems(values, fields, key, old=nested))
    _check_key(old, values, key)
    changed = {*sent, *(name for name in nested if fields[name]["type"] not in FILE_TYPES)}
    _raise(problem for problem in _missing(values, filled, fields) if problem.location[1] in changed)
    return {**values, **with_defaults({name: values[name] for name in sent if name in values}, fields)}


def merged_metadata(old: Values, metadata: Values | None) -> dict[str, Any]:
    """The fields that the `metadata` of a PUT sets.

    Keys that exist in the object's own `metadata` are updated there. Other keys are set at the root. Null removes a
    key.
    """
    own = old.get("metadata")
    inner = own if isinstance(own, dict) else {}
    sent = {name: value for name, value in (metadata or {}).items() if name not in inner}
    kept = {name: value for name, value in {**inner, **(metadata or {})}.items() if name in inner}
    if kept != inner:
        sent["metadata"] = {name: value for name, value in kept.items() if value is not None}
    return sent


def is_valid(values: Values, filled: Collection[str], schema: Schema, *, key: Collection[str] = ()) -> bool:
    """Whether all fields conform to the schema, as is required of a new object."""
    fields: Mapping[str, Field] = schema["properties"]
    problems = (
        _value_problems(values, values, fields),
        _nested_problems(values, fields, key),
        _missing(values, filled, fields),
    )
    return not any(map(any, problems))


def with_defaults(values: Values, fields: Mapping[str, Field]) -> dict[str, Any]:
    """The values with the defaults of absent members, inside objects and lists too."""
    return {
        name: _with_inner_defaults(value, fields[name]) if name in fields else value for name, value in values.items()
    }


def _with_inner_defaults(value: Any, field: Field) -> Any:
    if isinstance(value, dict) and field.get("properties"):
        members: Mapping[str, Field] = field["properties"]
        defaults = {name: member.get("default") for name, member in members.items()}
        absent = {n: d for n, d in defaults.items() if d is not None and value.get(n) is None}
        return with_defaults({**value, **absent}, members)
    if isinstance(value, list) and field.get("items") is not None:
        return [_with_inner_defaults(element, field["items"]) for element in value]
    return value


def _value_problems(sent: Values, values: Values, fields: Mapping[str, Field]) -> Iterator[Problem]:
    for name in sent:
        if name not in fields or values.get(name) is None:
            continue
        if (type_ := fields[name]["type"]) in FILE_TYPES:
            yield Problem((*BODY, name), file_field_message(name, type_), "file_field")
        else:
            yield from problems_in(values[name], fields[name], (*BODY, name))


def _nested_problems(
    values: Values, fields: Mapping[str, Field], key: Collection[str], *, old: Values = MappingProxyType({})
) -> Iterator[Problem]:
    """The problems of required fields and key fields that are only in `metadata`.

    Fields that have the same value in `old` are not checked: the object had them before the update.
    """
    for name, value in _nested(values, fields).items():
        if (name in key or fields[name].get("required")) and not json_equal(value, old.get(name)):
            yield from problems_in(value, fields[name], (*BODY, "metadata", name))


def _missing(values: Values, filled: Collection[str], fields: Mapping[str, Field]) -> Iterator[Problem]:
    nested = _nested(values, fields)
    for name, field in fields.items():
        is_present = name in filled if field["type"] in FILE_TYPES else values.get(name) is not None or name in nested
        if field.get("required") and not is_present:
            message = "A blob of this property is required" if field["type"] in FILE_TYPES else "Field required"
            yield Problem((*BODY, name), message, "missing")


def _nested(values: Values, fields: Mapping[str, Field]) -> dict[str, Any]:
    """The declared fields that only the object's `metadata` has; none if the schema declares `metadata` itself."""
    return {} if "metadata" in fields else nested_fields(values, fields)


def _check_key(old: Values, values: Values, key: Collection[str]) -> None:
    changed = [name for name in key if field_value(old, name) != field_value(values, name)]
    if changed:
        raise UniqueKeyChange(changed)


def _reserved_text(name: str, schema: Schema) -> str | None:
    if _is_reserved(name):
        return f"{name!r} is reserved for the service"
    if name == QUERY_PARAMETER and name not in schema["properties"]:
        return f"{name!r} is a parameter of the query string"
    return None


def _is_reserved(name: str) -> bool:
    return name in RESERVED_OBJECT_NAMES or name.startswith("_")


def _raise(problems: Iterable[Problem]) -> None:
    found = list(islice(problems, MAX_PROBLEMS))
    if found:
        raise RequestInvalid(found)
