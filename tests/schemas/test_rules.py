import json
import time
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from chalicelib.core.errors import RequestInvalid
from chalicelib.schemas.models import BucketSchema, BucketSchemaFieldType
from chalicelib.schemas.reserved_names import RESERVED_NAMES
from chalicelib.schemas.rules import (
    MAX_ENUM_VALUES,
    MAX_FIELD_DEPTH,
    MAX_FIELDS,
    MAX_PROBLEMS,
    MAX_SCHEMA_BYTES,
    check_schema,
)
from chalicelib.schemas.values import problems_in

AT = ("body", "bucket_schema", "properties")
TYPES = [member.value for member in BucketSchemaFieldType]


def checked(**properties: Any) -> dict[str, Any]:
    return check_schema(BucketSchema.model_validate_json(json.dumps({"properties": properties})))


def rejected(**properties: Any) -> list[tuple[tuple[str | int, ...], str]]:
    with pytest.raises(RequestInvalid) as caught:
        checked(**properties)
    return [(problem.location, problem.type) for problem in caught.value.problems]


def nested(depth: int, key: str) -> dict[str, Any]:
    field: dict[str, Any] = {"type": "string"}
    for _ in range(depth - 1):
        field = {"type": "array", "items": field} if key == "items" else {"type": "object", "properties": {"a": field}}
    return field


def test_a_schema_is_kept_as_written_with_undeclared_keys() -> None:
    written = {
        "properties": {
            "title": {
                "type": "string",
                "description": "t",
                "ui": {"order": 1, "hint": None},
                "required": True,
            },
            "photo": {"type": "image", "items": None, "examples": ["https://example.com/a.png", 7]},
            "tags": {"type": "array", "items": {"type": "string", "enum": ["a", "b"], "x": [None]}},
            "model_config": {
                "type": "object",
                "properties": {"schema": {"type": "date"}, "_x": {"type": "text"}},
            },
        },
        "version": 3,
        "items": [{"free": "form"}],
        "copy": None,
    }
    assert check_schema(BucketSchema.model_validate_json(json.dumps(written))) == written


def test_a_schema_may_have_no_fields() -> None:
    assert checked() == {"properties": {}}


@pytest.mark.parametrize("type_", TYPES)
def test_each_type_is_accepted_in_any_letter_case_and_stored_in_lower_case(type_: str) -> None:
    assert checked(a={"type": type_.upper()}, b={"type": "array", "items": {"type": type_.title()}}) == {
        "properties": {"a": {"type": type_}, "b": {"type": "array", "items": {"type": type_}}}
    }


@pytest.mark.parametrize("type_", ["keyword", "json", "binary", "document", "", "\u212aeyword", "nu\u1e3fber", 7, None])
def test_other_types_are_rejected_with_the_location(type_: Any) -> None:
    schema = {"properties": {"a": {"type": "array", "items": {"type": type_}}}}
    with pytest.raises(ValidationError) as caught:
        BucketSchema.model_validate_json(json.dumps(schema))
    assert [error["loc"] for error in caught.value.errors()] == [("properties", "a", "items", "type")]


@pytest.mark.parametrize(
    ("schema", "location"),
    [
        ({}, ("properties",)),
        ({"properties": None}, ("properties",)),
        ({"properties": {"a": "string"}}, ("properties", "a")),
        ({"properties": {"a": {}}}, ("properties", "a", "type")),
        ({"properties": {"a": {"type": "string", "required": "yes"}}}, ("properties", "a", "required")),
        ({"properties": {"a": {"type": "string", "enum": "x"}}}, ("properties", "a", "enum")),
        ({"properties": {"a": {"type": "string", "description": 1}}}, ("properties", "a", "description")),
        (
            {"properties": {"a": {"type": "object", "properties": {"b": 1}}}},
            ("properties", "a", "properties", "b"),
        ),
    ],
)
def test_a_schema_of_another_shape_is_rejected_with_the_location(schema: Any, location: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError) as caught:
        BucketSchema.model_validate_json(json.dumps(schema))
    assert [error["loc"] for error in caught.value.errors()] == [location]


@pytest.mark.parametrize("levels", [250, 5_000, 200_000])
def test_hostile_nesting_is_a_validation_error_and_no_crash(levels: int) -> None:
    for opening, closing in (('{"type":"array","items":', "}"), ("[", "]"), ('{"default":', "}")):
        raw = '{"properties":{"a":' + opening * levels + "1" + closing * levels + "}}"
        with pytest.raises(ValidationError):
            BucketSchema.model_validate_json(raw)


@pytest.mark.parametrize("name", [*sorted(RESERVED_NAMES), "_", "_internal", "__proto__"])
def test_reserved_names_are_rejected_at_the_top_only(name: str) -> None:
    assert rejected(**{name: {"type": "string"}}) == [((*AT, name), "reserved_name")]
    inner = {"type": "object", "properties": {name: {"type": "string"}}}
    assert checked(a=inner) == {"properties": {"a": inner}}


@pytest.mark.parametrize(("name", "type_"), [("", "too_short"), (" \t", "too_short"), ("n" * 101, "too_long")])
def test_blank_and_long_names_are_rejected(name: str, type_: str) -> None:
    assert rejected(**{name: {"type": "string"}}) == [((*AT, name), type_)]
    inner = {"type": "object", "properties": {name: {"type": "string"}}}
    assert rejected(a=inner) == [((*AT, "a", "properties", name), type_)]


@pytest.mark.parametrize(
    "name", ["n" * 100, "items", "properties", "type", "ünïcødé 🎬", "a.b", "model_config", "\x00"]
)
def test_other_names_are_accepted(name: str) -> None:
    assert checked(**{name: {"type": "string"}}) == {"properties": {name: {"type": "string"}}}


def test_items_and_properties_belong_to_their_type() -> None:
    string = {"type": "string"}
    assert rejected(a={"type": "string", "items": string}) == [((*AT, "a", "items"), "contradiction")]
    assert rejected(a={"type": "object", "items": string}) == [((*AT, "a", "items"), "contradiction")]
    assert rejected(a={"type": "array", "properties": {}}) == [((*AT, "a", "properties"), "contradiction")]
    assert rejected(a={"type": "array", "items": {"type": "date", "items": string}}) == [
        ((*AT, "a", "items", "items"), "contradiction")
    ]


@pytest.mark.parametrize("key", ["items", "properties"])
def test_the_depth_of_fields_is_limited(key: str) -> None:
    assert checked(a=nested(MAX_FIELD_DEPTH, key))
    step = ("items",) if key == "items" else ("properties", "a")
    too_deep = (*AT, "a", *step * MAX_FIELD_DEPTH)
    assert rejected(a=nested(MAX_FIELD_DEPTH + 1, key)) == [(too_deep, "schema_too_deep")]
    assert rejected(a=nested(60, key)) == [(too_deep, "schema_too_deep")]


def test_the_number_of_fields_is_limited_including_inner_fields() -> None:
    string = {"type": "string"}
    most = {f"f{index}": string for index in range(MAX_FIELDS - 2)}
    assert checked(**most, a={"type": "array", "items": string})
    members = {"type": "object", "properties": {"b": string, "c": string}}
    assert rejected(**most, a=members) == [(("body", "bucket_schema"), "too_many_fields")]


def test_the_size_of_the_document_is_limited_in_bytes_of_utf_8() -> None:
    around = len(json.dumps({"properties": {"a": {"type": "string", "ui": ""}}}, separators=(",", ":")))
    room = (MAX_SCHEMA_BYTES - around) // 2
    assert checked(a={"type": "string", "ui": "é" * room})
    assert rejected(a={"type": "string", "ui": "é" * (room + 1)}) == [(("body", "bucket_schema"), "schema_too_large")]


def test_the_values_of_an_enum_must_have_the_type_of_the_field() -> None:
    assert rejected(a={"type": "string", "enum": []}) == [((*AT, "a", "enum"), "too_short")]
    many = list(range(MAX_ENUM_VALUES + 1))
    assert rejected(a={"type": "integer", "enum": many}) == [((*AT, "a", "enum"), "too_long")]
    assert checked(a={"type": "integer", "enum": many[1:]})
    assert rejected(a={"type": "integer", "enum": [1, True, 2.5, None, "3"]}) == [
        ((*AT, "a", "enum", index), "integer_type") for index in (1, 2, 3, 4)
    ]
    pair = {"type": "array", "items": {"type": "date"}, "enum": [["2024-01-31"], ["2024-02-31"]]}
    assert rejected(o={"type": "object", "properties": {"a": pair}}) == [
        ((*AT, "o", "properties", "a", "enum", 1, 0), "date_type")
    ]


def test_a_default_must_fit_its_field() -> None:
    assert rejected(a={"type": "string", "default": 1}) == [((*AT, "a", "default"), "string_type")]
    assert rejected(a={"type": "string", "enum": ["x"], "default": "y"}) == [((*AT, "a", "default"), "enum")]
    assert rejected(a={"type": "boolean", "default": 0}) == [((*AT, "a", "default"), "boolean_type")]
    assert checked(a={"type": "string", "enum": ["x"], "default": None})
    assert checked(a={"type": "number", "enum": [1], "default": 1.0})
    assert checked(a={"type": "array", "enum": [[True], [1]], "default": [1.0]})
    assert rejected(a={"type": "array", "enum": [[1]], "default": [True]}) == [((*AT, "a", "default"), "enum")]
    assert rejected(a={"type": "object", "enum": [{"b": 0}], "default": {"b": False}}) == [
        ((*AT, "a", "default"), "enum")
    ]
    assert checked(a={"type": "video", "default": "https://example.com/v.mp4", "required": True})


def test_a_default_of_an_object_must_fit_its_members() -> None:
    member = {
        "type": "object",
        "properties": {
            "n": {"type": "integer", "required": True},
            "d": {"type": "integer", "required": True, "default": 3},
            "o": {"type": "integer"},
        },
    }
    at = (*AT, "a", "default")
    assert checked(a={**member, "default": {"n": 1, "o": None}})
    assert rejected(a={**member, "default": {"n": None}}) == [((*at, "n"), "missing")]
    assert rejected(a={**member, "default": {"n": "1", "x": 1}}) == [
        ((*at, "x"), "extra_forbidden"),
        ((*at, "n"), "integer_type"),
    ]
    free = {"type": "object", "properties": {}, "default": {"anything": [1]}}
    assert checked(a=free) == {"properties": {"a": free}}


def test_the_number_of_reported_problems_is_limited() -> None:
    fields = {f"_{index}": {"type": "string", "default": 1} for index in range(MAX_FIELDS)}
    assert len(rejected(**fields)) == MAX_PROBLEMS
    assert len(rejected(a={"type": "array", "items": {"type": "string"}, "default": [1] * 50_000})) == MAX_PROBLEMS


def test_the_most_expensive_accepted_schema_is_checked_fast() -> None:
    enum = [str(index) for index in range(MAX_ENUM_VALUES)]
    items = {"type": "string", "enum": enum}
    started = time.process_time()
    checked(a={"type": "array", "items": items, "default": [enum[-1]] * 30_000})
    assert time.process_time() - started < 5


def test_errors_start_at_the_given_location() -> None:
    schema = BucketSchema.model_validate({"properties": {"_a": {"type": "string"}}}, strict=False)
    with pytest.raises(RequestInvalid) as caught:
        check_schema(schema, location=("body", "items", 3))
    assert caught.value.problems[0].location == ("body", "items", 3, "properties", "_a")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.text(min_size=1, max_size=10).filter(
    lambda name: bool(name.strip()) and not name.startswith("_") and name not in RESERVED_NAMES
)
SCALARS: dict[str, st.SearchStrategy[Any]] = {
    "string": st.text(max_size=5),
    "text": st.text(max_size=5),
    "integer": st.integers(),
    "number": st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    "boolean": st.booleans(),
    "date": st.dates().map(date.isoformat),
    "datetime": st.datetimes(timezones=st.just(UTC)).map(datetime.isoformat),
}


@st.composite
def fields_with_values(draw: st.DrawFn, depth: int = 3) -> tuple[dict[str, Any], Any]:
    """A field of a schema, and a value that fits it."""
    type_ = draw(st.sampled_from([*SCALARS, *(["array", "object"] if depth else [])]))
    if type_ == "array":
        items, value = draw(fields_with_values(depth=depth - 1))
        return {"type": "array", "items": items}, [value] * draw(st.integers(0, 2))
    if type_ == "object":
        members = draw(st.dictionaries(NAMES, fields_with_values(depth=depth - 1), min_size=1, max_size=3))
        parent = {"type": "object", "properties": {name: inner for name, (inner, _) in members.items()}}
        return parent, {name: value for name, (_, value) in members.items()}
    value = draw(SCALARS[type_])
    field: dict[str, Any] = {"type": type_}
    if draw(st.booleans()):
        field["enum"] = [draw(SCALARS[type_]), value]
    if draw(st.booleans()):
        field["required"] = True
    return field, value


@given(fields_with_values(), NAMES)
def test_a_generated_value_fits_as_default_and_as_only_enum_value(made: tuple[dict[str, Any], Any], name: str) -> None:
    field, value = made
    assert list(problems_in(value, field, ())) == []
    with_default = {**field, "default": value}
    assert checked(**{name: with_default}) == {"properties": {name: with_default}}
    assert checked(**{name: {**with_default, "enum": [value]}})


@given(fields_with_values(), JSON)
def test_any_json_value_fits_or_is_reported_with_its_location(made: tuple[dict[str, Any], Any], value: Any) -> None:
    field, _ = made
    for problem in problems_in(value, field, ("body", "a")):
        assert problem.location[:2] == ("body", "a")
        assert problem.message
        assert problem.type


@given(
    st.dictionaries(
        st.text(max_size=5),
        st.dictionaries(st.sampled_from(["type", "items", "enum", "default", "properties", "x"]), JSON),
        max_size=3,
    )
)
def test_any_document_is_accepted_or_rejected_without_another_error(properties: dict[str, Any]) -> None:
    try:
        schema = BucketSchema.model_validate_json(json.dumps({"properties": properties}))
        assert check_schema(schema)["properties"].keys() == properties.keys()
    except (ValidationError, RequestInvalid):
        pass


@given(
    st.dictionaries(NAMES, fields_with_values().map(lambda made: made[0]), max_size=4),
    st.dictionaries(st.text(max_size=12), JSON, max_size=3),
)
def test_checking_a_checked_schema_again_does_not_change_it(properties: dict[str, Any], extras: dict[str, Any]) -> None:
    written = {**extras, "properties": properties}
    once = check_schema(BucketSchema.model_validate_json(json.dumps(written)))
    assert once == written
    assert check_schema(BucketSchema.model_validate_json(json.dumps(once))) == once
