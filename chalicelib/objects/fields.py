"""The fields of an object: what a request may set, and whether it fits the bucket's schema.

Fields that the schema declares are checked; all others are kept as they come. Fields of file types are
filled by blobs, whose contents `blob_content` checks.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import islice
from types import MappingProxyType
from typing import Any

from chalicelib.core.errors import Problem, RequestInvalid
from chalicelib.core.json_equality import same
from chalicelib.objects.errors import UniqueKeyChange
from chalicelib.objects.nested_fields import field_value, nested_fields
from chalicelib.schemas.reserved_names import RESERVED_OBJECT_NAMES
from chalicelib.schemas.values import FILE_TYPES, Field, problems_in

Values = Mapping[str, Any]
Schema = Mapping[str, Any]

BODY = ("body",)
MAX_PROBLEMS = 100

# A word of the query string: in the body it would look as if it did something.
QUERY_WORD = "auto_process"


def check_names(sent: Iterable[str], schema: Schema) -> None:
    """Refuses (RequestInvalid) names that are the service's own."""
    problems = [Problem((*BODY, name), why, "reserved_name") for name in sent if (why := _reserved(name, schema))]
    if problems:
        raise RequestInvalid(problems[:MAX_PROBLEMS])


def promoted(sent: Values, of_blobs: Iterable[Values]) -> dict[str, Any]:
    """The fields sent, and beneath them the metadata of the blobs: the first blob that has a name wins it."""
    values = dict(sent)
    for metadata in of_blobs:
        for name, value in metadata.items():
            if not _is_system(name):
                values.setdefault(name, value)
    return values


def new_values(sent: Values, filled: Collection[str], schema: Schema, *, key: Collection[str] = ()) -> dict[str, Any]:
    """The fields of a new object: defaults filled in, and all of them checked.

    `filled` names the properties that have a blob, `key` the fields of the unique key. A field that the
    schema declares counts as absent where it is null. Raises RequestInvalid for every field that does not
    fit, or is required and not there.
    """
    fields: Mapping[str, Field] = schema["properties"]
    values = {name: value for name, value in sent.items() if value is not None or name not in fields}
    for name, field in fields.items():
        if name not in values and field.get("default") is not None and field["type"] not in FILE_TYPES:
            values[name] = field["default"]
    _raise(_misfits(values, values, fields))
    _raise(_nested_misfits(values, fields, key))
    _raise(_missing(values, filled, fields))
    return with_defaults(values, fields)


def changed_values(
    old: Values, sent: Values, filled: Collection[str], schema: Schema, *, key: Collection[str] = ()
) -> dict[str, Any]:
    """The fields after a change: those sent replace, null removes, all others stay.

    Only what is sent is checked, against the schema of today: an object stored under an older one stays
    changeable. Raises RequestInvalid, or UniqueKeyChange for a changed field of the unique `key`.
    """
    fields: Mapping[str, Field] = schema["properties"]
    values = {**old, **sent}
    for name, value in sent.items():
        if value is None:
            del values[name]
            default = fields.get(name, {}).get("default")
            if default is not None and fields[name]["type"] not in FILE_TYPES:
                values[name] = default
    _raise(_misfits(sent, values, fields))
    nested = _nested(old, fields)
    _raise(_nested_misfits(values, fields, key, but=nested))
    _check_key(old, values, key)
    moved = {*sent, *(name for name in nested if fields[name]["type"] not in FILE_TYPES)}
    _raise(problem for problem in _missing(values, filled, fields) if problem.location[1] in moved)
    return {**values, **with_defaults({name: values[name] for name in sent if name in values}, fields)}


def merged_metadata(old: Values, metadata: Values | None) -> dict[str, Any]:
    """What the `metadata` of a PUT sets: a key goes where the object's own `metadata` holds it, else to the root."""
    own = old.get("metadata")
    inner = own if isinstance(own, dict) else {}
    sent = {name: value for name, value in (metadata or {}).items() if name not in inner}
    kept = {name: value for name, value in {**inner, **(metadata or {})}.items() if name in inner}
    if kept != inner:
        sent["metadata"] = {name: value for name, value in kept.items() if value is not None}
    return sent


def fits(values: Values, filled: Collection[str], schema: Schema, *, key: Collection[str] = ()) -> bool:
    """Whether an object fits a schema as a whole, as a new one has to."""
    fields: Mapping[str, Field] = schema["properties"]
    problems = (
        _misfits(values, values, fields),
        _nested_misfits(values, fields, key),
        _missing(values, filled, fields),
    )
    return not any(map(any, problems))


def with_defaults(values: Values, fields: Mapping[str, Field]) -> dict[str, Any]:
    """The values with the defaults of absent members filled in, inside of objects and lists too."""
    return {name: _filled(value, fields[name]) if name in fields else value for name, value in values.items()}


def _filled(value: Any, field: Field) -> Any:
    if isinstance(value, dict) and field.get("properties"):
        members: Mapping[str, Field] = field["properties"]
        defaults = {name: member.get("default") for name, member in members.items()}
        absent = {n: d for n, d in defaults.items() if d is not None and value.get(n) is None}
        return with_defaults({**value, **absent}, members)
    if isinstance(value, list) and field.get("items") is not None:
        return [_filled(element, field["items"]) for element in value]
    return value


def _misfits(sent: Values, values: Values, fields: Mapping[str, Field]) -> Iterator[Problem]:
    for name in sent:
        if name in fields and values.get(name) is not None:
            yield from problems_in(values[name], fields[name], (*BODY, name))


def _nested_misfits(
    values: Values, fields: Mapping[str, Field], key: Collection[str], *, but: Values = MappingProxyType({})
) -> Iterator[Problem]:
    """What is wrong with fields that were only found in `metadata`, where the official client puts them.

    Those are looked at that somebody relies on to be there, `but` for those that were there already.
    """
    for name, value in _nested(values, fields).items():
        if (name in key or fields[name].get("required")) and not same(value, but.get(name)):
            yield from problems_in(value, fields[name], (*BODY, "metadata", name))


def _missing(values: Values, filled: Collection[str], fields: Mapping[str, Field]) -> Iterator[Problem]:
    nested = _nested(values, fields)
    for name, field in fields.items():
        there = name in filled if field["type"] in FILE_TYPES else values.get(name) is not None or name in nested
        if field.get("required") and not there:
            what = "A blob of this property is required" if field["type"] in FILE_TYPES else "Field required"
            yield Problem((*BODY, name), what, "missing")


def _nested(values: Values, fields: Mapping[str, Field]) -> dict[str, Any]:
    """Declared fields that only the object's `metadata` holds; none where the schema declares `metadata` itself."""
    return {} if "metadata" in fields else nested_fields(values, fields)


def _check_key(old: Values, values: Values, key: Collection[str]) -> None:
    moved = [name for name in key if field_value(old, name) != field_value(values, name)]
    if moved:
        raise UniqueKeyChange(moved)


def _reserved(name: str, schema: Schema) -> str | None:
    if _is_system(name):
        return f"{name!r} is a name the service uses itself in every object"
    if name == QUERY_WORD and name not in schema["properties"]:
        return f"{name!r} belongs into the query string"
    return None


def _is_system(name: str) -> bool:
    return name in RESERVED_OBJECT_NAMES or name.startswith("_")


def _raise(problems: Iterable[Problem]) -> None:
    found = list(islice(problems, MAX_PROBLEMS))
    if found:
        raise RequestInvalid(found)
