"""What a new schema would do to objects that were stored under the old one."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator, Mapping
from typing import Any

from chalicelib.core.errors import Problem
from chalicelib.core.json_equality import equality_key
from chalicelib.schemas.rules import SCHEMA
from chalicelib.schemas.values import Field, Location

NEWLY_REQUIRED = "newly_required"


def breaking_changes(old: Mapping[str, Any], new: Mapping[str, Any], *, location: Location = SCHEMA) -> list[Problem]:
    """The changes that stored objects, or their readers, may not survive; both schemas are checked ones.

    They are: a field removed (`field_removed`), another type (`type_changed`), members or elements declared
    where any were taken or no longer declared (`members_changed`, `items_changed`), a field that objects must
    carry from now on (`newly_required`), an allowed value gone (`enum_narrowed`); at every depth.
    """
    return list(_between_members(old["properties"], new["properties"], location))


def touches_unique_key(
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    key_fields: Collection[str],
    *,
    location: Location = SCHEMA,
) -> list[Problem]:
    """The breaking changes to fields of the unique key: no force allows them, objects are known by them.

    That such a field becomes required changes nothing, every object has it already.
    """
    return [
        problem
        for name in key_fields
        for problem in breaking_changes(_only(old, name), _only(new, name), location=location)
        if problem.type != NEWLY_REQUIRED
    ]


def _only(schema: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {"properties": {key: field for key, field in schema["properties"].items() if key == name}}


def _between_members(old: Mapping[str, Field], new: Mapping[str, Field], location: Location) -> Iterator[Problem]:
    for name, before in old.items():
        place = (*location, "properties", name)
        if name in new:
            yield from _between(before, new[name], place)
        else:
            yield Problem(place, "The field is removed", "field_removed")
    for name, field in new.items():
        if field.get("required") and not (name in old and old[name].get("required")):
            place = (*location, "properties", name, "required")
            yield Problem(place, "Objects must carry the field from now on", NEWLY_REQUIRED)


def _between(old: Field, new: Field, place: Location) -> Iterator[Problem]:
    if old["type"] != new["type"]:
        message = f"The type changes from {old['type']} to {new['type']}"
        yield Problem((*place, "type"), message, "type_changed")
        return
    if _enum_narrows(old.get("enum"), new.get("enum")):
        yield Problem((*place, "enum"), "A value is no longer allowed", "enum_narrowed")
    yield from _between_inner(old, new, place)


def _between_inner(old: Field, new: Field, place: Location) -> Iterator[Problem]:
    # An object without members declared takes any, and so does one whose list of them is empty.
    members, new_members = old.get("properties") or None, new.get("properties") or None
    if members is not None and new_members is not None:
        yield from _between_members(members, new_members, place)
    elif members is not new_members:
        message = "Which members the field has is declared on one side only"
        yield Problem((*place, "properties"), message, "members_changed")
    items, new_items = old.get("items"), new.get("items")
    if items is not None and new_items is not None:
        yield from _between(items, new_items, (*place, "items"))
    elif items is not new_items:
        message = "What the elements are is declared on one side only"
        yield Problem((*place, "items"), message, "items_changed")


def _enum_narrows(old: list[Any] | None, new: list[Any] | None) -> bool:
    if new is None:
        return False
    return old is None or not _distinct(old) <= _distinct(new)


def _distinct(values: list[Any]) -> set[Hashable]:
    return {equality_key(value, True) for value in values}
