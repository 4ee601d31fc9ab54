"""Finds the changes of a schema that break objects stored under the old schema."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator, Mapping
from typing import Any

from chalicelib.core.errors import Problem
from chalicelib.core.json_equality import equality_key
from chalicelib.schemas.rules import SCHEMA
from chalicelib.schemas.values import Field, Location

NEWLY_REQUIRED = "newly_required"


def breaking_changes(old: Mapping[str, Any], new: Mapping[str, Any], *, location: Location = SCHEMA) -> list[Problem]:
    """Returns the changes that may break stored objects or the clients that read them.

    Both schemas must have passed `check_schema`. At every depth, these changes are breaking: a field is removed
    (`field_removed`) or changes its type (`type_changed`); the members of an object or the items of an array are
    declared or no longer declared (`members_changed`, `items_changed`); a field becomes required (`newly_required`);
    a value is no longer allowed (`enum_narrowed`).
    """
    return list(_member_breaks(old["properties"], new["properties"], location))


def unique_key_breaks(
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    key_fields: Collection[str],
    *,
    location: Location = SCHEMA,
) -> list[Problem]:
    """Returns the breaking changes of the fields of the unique key.

    `force_schema_break` does not allow these, because the fields identify the objects. A field that becomes required
    is not among them, because every object has all fields of the unique key.
    """
    return [
        problem
        for name in key_fields
        for problem in breaking_changes(_only(old, name), _only(new, name), location=location)
        if problem.type != NEWLY_REQUIRED
    ]


def _only(schema: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {"properties": {key: field for key, field in schema["properties"].items() if key == name}}


def _member_breaks(old: Mapping[str, Field], new: Mapping[str, Field], location: Location) -> Iterator[Problem]:
    for name, old_field in old.items():
        field_location = (*location, "properties", name)
        if name in new:
            yield from _field_breaks(old_field, new[name], field_location)
        else:
            yield Problem(field_location, "The field is removed", "field_removed")
    for name, field in new.items():
        if field.get("required") and not (name in old and old[name].get("required")):
            required_location = (*location, "properties", name, "required")
            yield Problem(required_location, "All objects must have the field", NEWLY_REQUIRED)


def _field_breaks(old: Field, new: Field, location: Location) -> Iterator[Problem]:
    if old["type"] != new["type"]:
        message = f"The type changes from {old['type']} to {new['type']}"
        yield Problem((*location, "type"), message, "type_changed")
        return
    if _enum_narrows(old.get("enum"), new.get("enum")):
        yield Problem((*location, "enum"), "A value is no longer allowed", "enum_narrowed")
    yield from _inner_breaks(old, new, location)


def _inner_breaks(old: Field, new: Field, location: Location) -> Iterator[Problem]:
    # An object without declared members accepts any members. Empty `properties` declare no members.
    members, new_members = old.get("properties") or None, new.get("properties") or None
    if members is not None and new_members is not None:
        yield from _member_breaks(members, new_members, location)
    elif members is not new_members:
        message = "Only one of the two schemas declares the members of the field"
        yield Problem((*location, "properties"), message, "members_changed")
    items, new_items = old.get("items"), new.get("items")
    if items is not None and new_items is not None:
        yield from _field_breaks(items, new_items, (*location, "items"))
    elif items is not new_items:
        message = "Only one of the two schemas declares the items of the field"
        yield Problem((*location, "items"), message, "items_changed")


def _enum_narrows(old: list[Any] | None, new: list[Any] | None) -> bool:
    if new is None:
        return False
    return old is None or not _distinct(old) <= _distinct(new)


def _distinct(values: list[Any]) -> set[Hashable]:
    return {equality_key(value) for value in values}
