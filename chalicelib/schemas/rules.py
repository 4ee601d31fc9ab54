"""The rules for a bucket's schema. They are checked when the schema is written, before any object exists."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple

from chalicelib.core.errors import Problem, RequestInvalid, invalid
from chalicelib.core.json_codec import to_json
from chalicelib.schemas.models import BucketSchema
from chalicelib.schemas.reserved_names import is_reserved
from chalicelib.schemas.values import Field, Location, problems_besides_enum, problems_in

MAX_FIELD_DEPTH = 10
MAX_FIELDS = 500
MAX_ENUM_VALUES = 500
MAX_NAME_LENGTH = 100
MAX_SCHEMA_BYTES = 200_000
MAX_PROBLEMS = 100  # limits the size of the error response

# Keys whose values the models have already checked. Most fields have no other keys and need no further check.
KEYS_WITHOUT_RULES = frozenset({"type", "description", "required"})

SCHEMA = ("body", "bucket_schema")


class LocatedField(NamedTuple):
    """A field and its location. `depth` is 1 at the top of a schema; each `properties` or `items` below adds 1."""

    location: Location
    depth: int
    name: str | None  # None for the `items` of an array
    field: Field


def check_schema(schema: BucketSchema, *, existing: Container[str] = (), location: Location = SCHEMA) -> dict[str, Any]:
    """Returns the schema as the JSON document that is stored: what the client wrote, with types in lower case.

    `existing` has the fields of the schema that this one replaces. They may have reserved names, because earlier
    versions of the service reserved fewer.
    Raises RequestInvalid with at most `MAX_PROBLEMS` problems, or with a single one if a limit is exceeded
    (`schema_too_deep`, `too_many_fields`, `schema_too_large`).
    """
    document = schema.model_dump(exclude_unset=True)
    fields = list(_bounded(document, location))
    _check_size(document, location)
    if problems := list(islice(_problems(fields, existing), MAX_PROBLEMS)):
        raise RequestInvalid(problems)
    return document


def _bounded(document: Mapping[str, Any], location: Location) -> Iterator[LocatedField]:
    for count, located in enumerate(_fields(document, location), start=1):
        if count > MAX_FIELDS:
            message = f"A schema has at most {MAX_FIELDS} fields, including nested ones"
            raise invalid(*location, message=message, type="too_many_fields")
        if located.depth > MAX_FIELD_DEPTH:
            message = f"Fields nest at most {MAX_FIELD_DEPTH} deep"
            raise invalid(*located.location, message=message, type="schema_too_deep")
        yield located


def _check_size(document: Mapping[str, Any], location: Location) -> None:
    size = len(to_json(document).encode())
    if size > MAX_SCHEMA_BYTES:
        message = f"A schema has at most {MAX_SCHEMA_BYTES} bytes of JSON; this one has {size}"
        raise invalid(*location, message=message, type="schema_too_large")


def _fields(holder: Field, location: Location, depth: int = 1) -> Iterator[LocatedField]:
    """Yields every field inside a schema or a field, each before its inner fields. Lazy: callers may stop early."""
    for name, field in (holder.get("properties") or {}).items():
        field_location = (*location, "properties", name)
        yield LocatedField(field_location, depth, name, field)
        if "properties" in field or "items" in field:
            yield from _fields(field, field_location, depth + 1)
    if depth > 1 and (items := holder.get("items")) is not None:
        yield LocatedField((*location, "items"), depth, None, items)
        yield from _fields(items, (*location, "items"), depth + 1)


def _problems(fields: Iterable[LocatedField], existing: Container[str]) -> Iterator[Problem]:
    for located in fields:
        if located.name is not None and (problem := _name_problem(located, located.name, existing)):
            yield problem
        if not located.field.keys() <= KEYS_WITHOUT_RULES:
            yield from _structure_problems(located)
            yield from _enum_problems(located)
            yield from _default_problems(located)


def _name_problem(located: LocatedField, name: str, existing: Container[str]) -> Problem | None:
    if not name.strip():
        return Problem(located.location, "The name of a field must not be blank", "too_short")
    if len(name) > MAX_NAME_LENGTH:
        message = f"The name of a field has at most {MAX_NAME_LENGTH} characters"
        return Problem(located.location, message, "too_long")
    if located.depth == 1 and is_reserved(name) and name not in existing:
        message = f"{name!r} is reserved for the service"
        return Problem(located.location, message, "reserved_name")
    return None


def _structure_problems(located: LocatedField) -> Iterator[Problem]:
    for key, type_ in (("items", "array"), ("properties", "object")):
        if located.field.get(key) is not None and located.field["type"] != type_:
            message = f"Only a field of type {type_} has {key}"
            yield Problem((*located.location, key), message, "contradiction")


def _enum_problems(located: LocatedField) -> Iterator[Problem]:
    enum, location = located.field.get("enum"), (*located.location, "enum")
    if enum is None:
        return
    if not 1 <= len(enum) <= MAX_ENUM_VALUES:
        message = f"An enum lists 1 to {MAX_ENUM_VALUES} values"
        yield Problem(location, message, "too_long" if enum else "too_short")
        return
    for index, value in enumerate(enum):
        yield from problems_besides_enum(value, located.field, (*location, index))


def _default_problems(located: LocatedField) -> Iterator[Problem]:
    if (default := located.field.get("default")) is not None:
        yield from problems_in(default, located.field, (*located.location, "default"))
