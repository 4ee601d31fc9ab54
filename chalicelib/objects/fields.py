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
from chalicelib.objects.nested_fields import field_value, nested_fields, own_metadata
from chalicelib.schemas.reserved_names import is_reserved
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
            if not is_reserved(name):
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
    _raise(_value_problems(values, values, fields))
    values = _completed(values, values, fields, fields)
    _raise(_nested_problems(values, fields, key))
    _raise(_missing(values, filled, fields))
    return values


def changed_values(
    old: Values, sent: Values, filled: Collection[str], schema: Schema, *, key: Collection[str] = ()
) -> dict[str, Any]:
    """The fields after an update: those in the request are replaced, or removed if null. The others do not change.

    Only fields in the request are checked, so that an object that was written before a schema change can still be
    updated. `filled` and `key` are as in `new_values`. Raises RequestInvalid, or UniqueKeyChange if a field of the
    unique key changes.
    """
    fields: Mapping[str, Field] = schema["properties"]
    values = {name: value for name, value in {**old, **sent}.items() if name not in sent or value is not None}
    for name in _superseded_defaults(old, values, sent, fields, key):
        del values[name]
    _raise(_value_problems(sent, values, fields))
    had_value = {name for name in fields if name in sent or field_value(old, name) is not None}
    values = _completed(values, sent, fields, had_value)
    nested = nested_fields(old, fields)
    _raise(_nested_problems(values, fields, key, old=nested))
    _check_key(old, values, key)
    changed = {*sent, *(name for name in nested if fields[name]["type"] not in FILE_TYPES)}
    _raise(problem for problem in _missing(values, filled, fields) if problem.location[1] in changed)
    return values


def merged_metadata(old: Values, metadata: Values | None) -> dict[str, Any]:
    """The fields that the `metadata` of a PUT sets.

    Keys that exist in the object's own `metadata` are updated there. Other keys are set at the root. Null removes a
    key.
    """
    inner = own_metadata(old)
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


def _completed(
    values: Values, sent: Collection[str], fields: Mapping[str, Field], names: Collection[str]
) -> dict[str, Any]:
    """The values with the defaults inside those that were sent, and the defaults of these fields that have no value.

    `metadata` is completed first, because it can contain the values of other fields.
    """
    completed = {**values, **with_defaults({name: values[name] for name in sent if name in values}, fields)}
    for name in sorted(names, key=lambda name: name != "metadata"):
        if _has_default(fields[name]) and field_value(completed, name) is None:
            completed |= with_defaults({name: fields[name]["default"]}, fields)
    return completed


def _superseded_defaults(
    old: Values, values: Values, sent: Values, fields: Mapping[str, Field], key: Collection[str]
) -> list[str]:
    """The fields at the root whose default gives way to a value that the request puts into `metadata`.

    The values of a unique key never come from a default.
    """
    if "metadata" not in sent:
        return []
    before = own_metadata(old)
    return [
        name
        for name, value in own_metadata(values).items()
        if name in fields
        and not (name in key or name in sent or value is None or json_equal(value, before.get(name)))
        and _has_default(fields[name])
        and json_equal(values.get(name), fields[name]["default"])
    ]


def _has_default(field: Field) -> bool:
    return field.get("default") is not None and field["type"] not in FILE_TYPES


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
    """The problems of required fields, key fields and fields with a default that are only in `metadata`.

    Fields that have the same value in `old` are not checked: the object had them before the update.
    """
    for name, value in nested_fields(values, fields).items():
        is_checked = name in key or fields[name].get("required") or _has_default(fields[name])
        if is_checked and not json_equal(value, old.get(name)):
            yield from problems_in(value, fields[name], (*BODY, "metadata", name))


def _missing(values: Values, filled: Collection[str], fields: Mapping[str, Field]) -> Iterator[Problem]:
    for name, field in fields.items():
        is_present = name in filled if field["type"] in FILE_TYPES else field_value(values, name) is not None
        if field.get("required") and not is_present:
            message = "A blob of this property is required" if field["type"] in FILE_TYPES else "Field required"
            yield Problem((*BODY, name), message, "missing")


def _check_key(old: Values, values: Values, key: Collection[str]) -> None:
    changed = [name for name in key if field_value(old, name) != field_value(values, name)]
    if changed:
        raise UniqueKeyChange(changed)


def _reserved_text(name: str, schema: Schema) -> str | None:
    if is_reserved(name):
        return f"{name!r} is reserved for the service"
    if name == QUERY_PARAMETER and name not in schema["properties"]:
        return f"{name!r} is a parameter of the query string"
    return None


def _raise(problems: Iterable[Problem]) -> None:
    found = list(islice(problems, MAX_PROBLEMS))
    if found:
        raise RequestInvalid(found)
