import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from chalicelib.core.errors import RequestInvalid
from chalicelib.schemas.models import BucketSchemaFieldType
from chalicelib.schemas.unique_key import (
    KEY_TYPES,
    StoredUniqueKey,
    UniqueKeyConfig,
    check_unique_key,
    check_unique_key_change,
    check_unique_key_fits,
)

SCHEMA = {"properties": {type_.value: {"type": type_.value} for type_ in BucketSchemaFieldType}}
AT = ("body", "unique_key")
STORED: StoredUniqueKey = {"fields": ["string", "date"], "default_policy": "insert"}


def config(**given_: Any) -> UniqueKeyConfig:
    return UniqueKeyConfig.model_validate_json(json.dumps(given_))


def problems(call: Any) -> list[tuple[tuple[str | int, ...], str]]:
    with pytest.raises(RequestInvalid) as caught:
        call()
    return [(problem.location, problem.type) for problem in caught.value.problems]


def shape_errors(given_: Any) -> list[tuple[tuple[str | int, ...], str]]:
    with pytest.raises(ValidationError) as caught:
        UniqueKeyConfig.model_validate_json(json.dumps(given_))
    return [(error["loc"], error["type"]) for error in caught.value.errors()]


def test_a_unique_key_is_stored_with_its_fields_in_the_order_given() -> None:
    key = config(fields=["string", "date", "integer"], default_policy="upsert")
    assert check_unique_key(key, SCHEMA) == {
        "fields": ["string", "date", "integer"],
        "default_policy": "upsert",
    }
    assert check_unique_key(config(fields=["float"]), SCHEMA) == {"fields": ["float"], "default_policy": None}


def test_a_description_is_stored_changed_and_removed() -> None:
    key = {"fields": ["string"], "default_policy": "upsert", "description": "One"}
    stored = check_unique_key(config(**key), SCHEMA)
    assert stored == key
    assert check_unique_key_change(stored, config(fields=["string"])) == key
    assert check_unique_key_change(stored, config(fields=["string"], description="Two")) == {
        **key,
        "description": "Two",
    }
    del key["description"]
    assert check_unique_key_change(stored, config(fields=["string"], description=None)) == key
    assert check_unique_key(config(**key, description=None), SCHEMA) == key


@pytest.mark.parametrize(
    ("given_", "location", "type_"),
    [
        ({}, ("fields",), "missing"),
        ({"fields": []}, ("fields",), "too_short"),
        ({"fields": [f"f{n}" for n in range(11)]}, ("fields",), "too_long"),
        ({"fields": "string"}, ("fields",), "list_type"),
        ({"fields": [1]}, ("fields", 0), "string_type"),
        ({"fields": ["string"], "default_policy": "UPSERT"}, ("default_policy",), "literal_error"),
        ({"fields": ["string"], "default_policy": "replace"}, ("default_policy",), "literal_error"),
        ({"fields": ["string"], "policy": "insert"}, ("policy",), "extra_forbidden"),
        ([], (), "model_type"),
    ],
)
def test_another_shape_is_rejected_with_the_location(given_: Any, location: tuple[str | int, ...], type_: str) -> None:
    assert shape_errors(given_) == [(location, type_)]


def test_fields_must_be_in_the_schema_and_named_once() -> None:
    key = config(fields=["string", "nowhere", "string", ""])
    assert problems(lambda: check_unique_key(key, SCHEMA)) == [
        ((*AT, "fields", 1), "unknown_field"),
        ((*AT, "fields", 2), "duplicate"),
        ((*AT, "fields", 3), "unknown_field"),
    ]


@pytest.mark.parametrize("type_", [member.value for member in BucketSchemaFieldType])
def test_fields_must_have_a_type_that_can_identify_objects(type_: str) -> None:
    key = config(fields=[type_])
    if type_ in {"string", "integer", "number", "float", "date", "datetime"}:
        assert check_unique_key(key, SCHEMA)["fields"] == [type_]
    else:
        assert problems(lambda: check_unique_key(key, SCHEMA)) == [((*AT, "fields", 0), "unfit_type")]


@pytest.mark.parametrize("policy", ["insert", "update", "upsert", None])
def test_the_default_policy_may_change_and_null_clears_it(policy: str | None) -> None:
    change = config(fields=["string", "date"], default_policy=policy)
    assert check_unique_key_change(STORED, change) == {"fields": ["string", "date"], "default_policy": policy}


def test_a_change_without_a_policy_keeps_it() -> None:
    assert check_unique_key_change(STORED, config(fields=["string", "date"])) == STORED


def test_the_fields_cannot_change() -> None:
    for fields in (
        ["string"],
        ["string", "integer"],
        ["string", "date", "date"],
        ["string", "date", "integer"],
    ):
        change = config(fields=fields)
        assert problems(lambda: check_unique_key_change(STORED, change)) == [((*AT, "fields"), "immutable")]  # noqa: B023


@given(st.permutations(sorted(KEY_TYPES)), st.permutations(sorted(KEY_TYPES)))
def test_the_fields_may_be_sent_in_any_order_and_keep_the_stored_order(one: list[str], other: list[str]) -> None:
    stored = check_unique_key(config(fields=one), SCHEMA)
    assert check_unique_key_change(stored, config(fields=other)) == stored


def test_a_unique_key_cannot_be_added_or_removed_later() -> None:
    assert problems(lambda: check_unique_key_change(None, config(fields=["string"]))) == [(AT, "immutable")]
    assert problems(lambda: check_unique_key_change(STORED, None)) == [(AT, "immutable")]
    assert check_unique_key_change(None, None) is None


def test_a_new_schema_must_keep_the_fields_of_the_stored_key() -> None:
    check_unique_key_fits(STORED, SCHEMA)
    check_unique_key_fits(STORED, {"properties": {"string": {"type": "integer"}, "date": {"type": "date"}}})
    schema = {"properties": {"string": {"type": "image"}}}
    assert problems(lambda: check_unique_key_fits(STORED, schema)) == [
        (("body", "bucket_schema", "properties", "string"), "unfit_type"),
        (("body", "bucket_schema", "properties", "date"), "unknown_field"),
    ]
