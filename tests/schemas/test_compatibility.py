import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.schemas.compatibility import breaking_changes, unique_key_breaks
from chalicelib.schemas.models import BucketSchema, BucketSchemaFieldType
from chalicelib.schemas.rules import check_schema

AT = ("body", "bucket_schema", "properties")


def schema(**properties: Any) -> dict[str, Any]:
    return check_schema(BucketSchema.model_validate_json(json.dumps({"properties": properties})))


def breaks(old: dict[str, Any], new: dict[str, Any]) -> list[tuple[tuple[str | int, ...], str]]:
    return [(problem.location, problem.type) for problem in breaking_changes(schema(**old), schema(**new))]


STRING = {"type": "string"}
INTEGER = {"type": "integer"}


def members(**fields: Any) -> dict[str, Any]:
    return {"type": "object", "properties": fields}


def array(items: Any) -> dict[str, Any]:
    return {"type": "array", "items": items}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"a": STRING}, {"a": {"type": "STRING"}}),
        ({"a": STRING}, {"a": STRING, "b": INTEGER}),
        ({"a": STRING}, {"a": {**STRING, "description": "new", "default": "d", "examples": ["x"], "ui": 1}}),
        ({"a": {**STRING, "required": True}}, {"a": {**STRING, "required": False}}),
        ({"a": {**STRING, "required": True}}, {"a": {**STRING, "required": True}}),
        ({"a": STRING}, {"a": {**STRING, "required": None, "enum": None, "items": None, "properties": None}}),
        ({"a": {**STRING, "enum": ["x"]}}, {"a": {**STRING, "enum": ["y", "x"]}}),
        ({"a": {**STRING, "enum": ["x"]}}, {"a": STRING}),
        ({"a": {"type": "array", "enum": [[1], [2.0]]}}, {"a": {"type": "array", "enum": [[2], [1.0]]}}),
        ({"a": members(b=STRING)}, {"a": members(b=STRING, c=INTEGER)}),
        ({}, {"a": members(b={**STRING, "required": True})}),
        ({"a": {"type": "object"}}, {"a": members()}),
    ],
)
def test_compatible_changes_are_not_reported(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert breaks(old, new) == []


@pytest.mark.parametrize(
    ("old", "new", "location", "type_"),
    [
        ({"a": STRING, "b": STRING}, {"b": STRING}, ("a",), "field_removed"),
        ({"a": STRING}, {"a": INTEGER}, ("a", "type"), "type_changed"),
        ({"a": STRING}, {"a": {**STRING, "required": True}}, ("a", "required"), "newly_required"),
        ({}, {"a": {**STRING, "required": True}}, ("a", "required"), "newly_required"),
        ({}, {"a": {**STRING, "required": True, "default": "d"}}, ("a", "required"), "newly_required"),
        ({"a": STRING}, {"a": {**STRING, "enum": ["x"]}}, ("a", "enum"), "enum_narrowed"),
        (
            {"a": {**STRING, "enum": ["x", "y"]}},
            {"a": {**STRING, "enum": ["x", "z"]}},
            ("a", "enum"),
            "enum_narrowed",
        ),
        (
            {"a": {"type": "array", "enum": [[1]]}},
            {"a": {"type": "array", "enum": [[True]]}},
            ("a", "enum"),
            "enum_narrowed",
        ),
        ({"a": array(STRING)}, {"a": array(INTEGER)}, ("a", "items", "type"), "type_changed"),
        ({"a": {"type": "array"}}, {"a": array(INTEGER)}, ("a", "items"), "items_changed"),
        ({"a": array(STRING)}, {"a": {"type": "array"}}, ("a", "items"), "items_changed"),
        ({"a": {"type": "object"}}, {"a": members(b=STRING)}, ("a", "properties"), "members_changed"),
        ({"a": members(b=STRING)}, {"a": members()}, ("a", "properties"), "members_changed"),
        (
            {"a": members(b=STRING, c=STRING)},
            {"a": members(b=STRING)},
            ("a", "properties", "c"),
            "field_removed",
        ),
        (
            {"a": members(b=STRING)},
            {"a": members(b=STRING, c={**STRING, "required": True})},
            ("a", "properties", "c", "required"),
            "newly_required",
        ),
        (
            {"a": array(members(b=array(STRING)))},
            {"a": array(members(b=array({**STRING, "enum": ["x"]})))},
            ("a", "items", "properties", "b", "items", "enum"),
            "enum_narrowed",
        ),
    ],
)
def test_breaking_changes_are_reported_with_their_location(
    old: dict[str, Any], new: dict[str, Any], location: tuple[str, ...], type_: str
) -> None:
    assert breaks(old, new) == [((*AT, *location), type_)]


def test_all_breaking_changes_are_reported_together() -> None:
    new = {"b": INTEGER, "c": {**STRING, "required": True}}
    assert breaks({"a": STRING, "b": STRING}, new) == [
        ((*AT, "a"), "field_removed"),
        ((*AT, "b", "type"), "type_changed"),
        ((*AT, "c", "required"), "newly_required"),
    ]


def test_breaking_changes_of_unique_key_fields_are_reported_separately() -> None:
    old, new = schema(k=STRING, l=STRING, m=STRING, a=STRING), schema(l=INTEGER, m={**STRING, "enum": ["x"]})
    reported = unique_key_breaks(old, new, ["k", "l", "m"])
    assert [(problem.location, problem.type) for problem in reported] == [
        ((*AT, "k"), "field_removed"),
        ((*AT, "l", "type"), "type_changed"),
        ((*AT, "m", "enum"), "enum_narrowed"),
    ]
    assert unique_key_breaks(old, new, []) == []


def test_a_field_of_the_unique_key_may_become_required() -> None:
    assert unique_key_breaks(schema(k=STRING), schema(k={**STRING, "required": True}), ["k"]) == []


FIELDS = st.recursive(
    st.fixed_dictionaries(
        {"type": st.sampled_from([m.value for m in BucketSchemaFieldType])},
        optional={"required": st.booleans()},
    ),
    lambda inner: (
        st.builds(array, inner)
        | st.dictionaries(st.sampled_from("abc"), inner, max_size=3).map(lambda fields: members(**fields))
    ),
    max_leaves=6,
)
SCHEMAS = st.dictionaries(st.sampled_from("abcd"), FIELDS, max_size=4)


@given(SCHEMAS)
def test_an_unchanged_schema_has_no_breaking_changes(properties: dict[str, Any]) -> None:
    assert breaks(properties, properties) == []


@given(SCHEMAS, SCHEMAS)
def test_removed_fields_and_changed_types_are_always_reported(old: dict[str, Any], new: dict[str, Any]) -> None:
    reported = breaks(old, new)
    for name, field in old.items():
        if name not in new:
            assert ((*AT, name), "field_removed") in reported
        elif new[name]["type"] != field["type"]:
            assert ((*AT, name, "type"), "type_changed") in reported


@given(SCHEMAS, SCHEMAS, st.lists(st.sampled_from("abcd"), unique=True))
def test_breaking_changes_of_the_unique_key_are_among_all_breaking_changes(
    old: dict[str, Any], new: dict[str, Any], key: list[str]
) -> None:
    touched = unique_key_breaks(schema(**old), schema(**new), key)
    assert {(p.location, p.type) for p in touched} <= set(breaks(old, new))
    assert {p.location[3] for p in touched} <= set(key)
