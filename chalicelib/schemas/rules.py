"""A bucket's schema is refused when it is written, not when the first object meets it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple

from chalicelib.core.errors import Problem, RequestInvalid, invalid
from chalicelib.core.json_codec import to_json
from chalicelib.schemas.models import BucketSchema
from chalicelib.schemas.reserved_names import RESERVED_NAMES
from chalicelib.schemas.values import Field, Location, misfits_in, problems_in

MAX_FIELD_DEPTH = 10
MAX_FIELDS = 500
MAX_ENUM_VALUES = 500
MAX_NAME_LENGTH = 100
MAX_SCHEMA_BYTES = 200_000
MAX_PROBLEMS = 100  # enough to mend a schema by; a hostile one would otherwise earn an endless answer

# What most fields have, and all that they have: once of the right types, nothing in it can be wrong.
UNDOUBTED = frozenset({"type", "description", "required"})

SCHEMA = ("body", "bucket_schema")


class Place(NamedTuple):
    """A field where it stands; its depth is 1 at the top of a schema; an inner field or `items` adds 1."""

    location: Location
    depth: int
    name: str | None  # None for the `items` of an array
    field: Field


def check_schema(schema: BucketSchema, *, location: Location = SCHEMA) -> dict[str, Any]:
    """The schema as the plain document that is stored and shown: what the client wrote, types in lower case.

    Raises RequestInvalid naming every place that is wrong (`MAX_PROBLEMS` at most), or only the bound
    that is exceeded: `schema_too_deep`, `too_many_fields`, `schema_too_large`.
    """
    document = schema.model_dump(exclude_unset=True)
    places = list(_bounded(document, location))
    _check_size(document, location)
    if problems := list(islice(_problems(places), MAX_PROBLEMS)):
        raise RequestInvalid(problems)
    return document


def _bounded(document: Mapping[str, Any], location: Location) -> Iterator[Place]:
    for count, place in enumerate(_fields(document, location), start=1):
        if count > MAX_FIELDS:
            message = f"A schema has at most {MAX_FIELDS} fields, inner ones included"
            raise invalid(*location, message=message, type="too_many_fields")
        if place.depth > MAX_FIELD_DEPTH:
            message = f"Fields nest at most {MAX_FIELD_DEPTH} deep"
            raise invalid(*place.location, message=message, type="schema_too_deep")
        yield place


def _check_size(document: Mapping[str, Any], location: Location) -> None:
    size = len(to_json(document).encode())
    if size > MAX_SCHEMA_BYTES:
        message = f"A schema has at most {MAX_SCHEMA_BYTES} bytes of JSON; this one has {size}"
        raise invalid(*location, message=message, type="schema_too_large")


def _fields(holder: Field, location: Location, depth: int = 1) -> Iterator[Place]:
    """Every field inside a schema or a field, each before those inside it; found as far as it is read."""
    for name, field in (holder.get("properties") or {}).items():
        place = (*location, "properties", name)
        yield Place(place, depth, name, field)
        if "properties" in field or "items" in field:
            yield from _fields(field, place, depth + 1)
    if depth > 1 and (items := holder.get("items")) is not None:
        yield Place((*location, "items"), depth, None, items)
        yield from _fields(items, (*location, "items"), depth + 1)


def _problems(places: Iterable[Place]) -> Iterator[Problem]:
    for place in places:
        if place.name is not None and (problem := _name_problem(place, place.name)):
            yield problem
        if not place.field.keys() <= UNDOUBTED:
            yield from _structure_problems(place)
            yield from _enum_problems(place)
            yield from _default_problems(place)


def _name_problem(place: Place, name: str) -> Problem | None:
    if not name.strip():
        return Problem(place.location, "A field has a name", "too_short")
    if len(name) > MAX_NAME_LENGTH:
        message = f"The name of a field has at most {MAX_NAME_LENGTH} characters"
        return Problem(place.location, message, "too_long")
    if place.depth == 1 and (name in RESERVED_NAMES or name.startswith("_")):
        message = f"{name!r} is a name the service uses itself in every object"
        return Problem(place.location, message, "reserved_name")
    return None


def _structure_problems(place: Place) -> Iterator[Problem]:
    for key, type_ in (("items", "array"), ("properties", "object")):
        if place.field.get(key) is not None and place.field["type"] != type_:
            message = f"Only a field of type {type_} has {key}"
            yield Problem((*place.location, key), message, "contradiction")


def _enum_problems(place: Place) -> Iterator[Problem]:
    enum, location = place.field.get("enum"), (*place.location, "enum")
    if enum is None:
        return
    if not 1 <= len(enum) <= MAX_ENUM_VALUES:
        message = f"An enum lists 1 to {MAX_ENUM_VALUES} values"
        yield Problem(location, message, "too_long" if enum else "too_short")
        return
    for index, value in enumerate(enum):
        yield from misfits_in(value, place.field, (*location, index))


def _default_problems(place: Place) -> Iterator[Problem]:
    if (default := place.field.get("default")) is not None:
        yield from problems_in(default, place.field, (*place.location, "default"))
