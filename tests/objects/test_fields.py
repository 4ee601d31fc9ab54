from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.errors import RequestInvalid
from chalicelib.objects.errors import UniqueKeyChange
from chalicelib.objects.fields import (
    changed_values,
    check_names,
    is_valid,
    merged_metadata,
    new_values,
    with_blob_metadata,
)
from chalicelib.schemas.reserved_names import RESERVED_NAMES

SCHEMA: dict[str, Any] = {
    "properties": {
        "title": {"type": "string", "required": True},
        "year": {"type": "integer", "default": 1927},
        "tags": {"type": "array", "items": {"type": "object", "properties": {"weight": {"type": "number"}}}},
        "maker": {
            "type": "object",
            "properties": {"name": {"type": "string", "required": True}, "land": {"type": "string", "default": "de"}},
        },
        "poster": {"type": "image", "required": True},
    }
}


def problems(call: Any) -> list[tuple[tuple[str | int, ...], str]]:
    with pytest.raises(RequestInvalid) as raised:
        call()
    return [(problem.location, problem.type) for problem in raised.value.problems]


def test_defaults_are_added_at_every_depth() -> None:
    values = new_values({"title": "M", "maker": {"name": "Lang"}}, {"poster"}, SCHEMA)
    assert values == {"title": "M", "year": 1927, "maker": {"name": "Lang", "land": "de"}}


def test_fields_that_the_schema_does_not_declare_are_kept_unchanged() -> None:
    values = new_values({"title": "M", "score": None, "x": {"y": [1]}}, {"poster"}, SCHEMA)
    assert (values["score"], values["x"]) == (None, {"y": [1]})


def test_a_null_in_a_declared_field_counts_as_absent() -> None:
    assert new_values({"title": "M", "year": None}, {"poster"}, SCHEMA)["year"] == 1927
    assert problems(lambda: new_values({"title": None}, {"poster"}, SCHEMA)) == [(("body", "title"), "missing")]


def test_every_invalid_value_is_reported_with_its_path() -> None:
    sent = {"title": 5, "year": "then", "tags": [{"weight": 1}, {"weight": "heavy"}], "maker": {"nam": "Lang"}}
    assert problems(lambda: new_values(sent, {"poster"}, SCHEMA)) == [
        (("body", "title"), "string_type"),
        (("body", "year"), "integer_type"),
        (("body", "tags", 1, "weight"), "number_type"),
        (("body", "maker", "nam"), "extra_forbidden"),
        (("body", "maker", "name"), "missing"),
    ]


def test_a_required_file_needs_a_blob_and_a_required_field_a_value() -> None:
    assert problems(lambda: new_values({}, set(), SCHEMA)) == [
        (("body", "title"), "missing"),
        (("body", "poster"), "missing"),
    ]


def test_a_required_field_may_be_in_metadata_and_is_checked_there() -> None:
    assert new_values({"metadata": {"title": "M"}}, {"poster"}, SCHEMA)["metadata"] == {"title": "M"}
    sent = {"metadata": {"title": 5}}
    assert problems(lambda: new_values(sent, {"poster"}, SCHEMA)) == [(("body", "metadata", "title"), "string_type")]


@pytest.mark.parametrize("name", [*sorted(RESERVED_NAMES), "_internal", "_", "auto_process"])
def test_reserved_names_are_rejected(name: str) -> None:
    assert problems(lambda: check_names([name], SCHEMA)) == [(("body", name), "reserved_name")]


def test_auto_process_is_a_field_if_the_schema_declares_it() -> None:
    check_names(["auto_process"], {"properties": {"auto_process": {"type": "boolean"}}})


def test_metadata_of_blobs_is_copied_to_the_root_unless_the_field_is_set() -> None:
    sent = {"title": "M", "empty": None}
    blob_metadata = [{"title": "other", "take": 1, "_id": 1, "status": "x"}, {"take": 2, "empty": "full", "scene": 3}]
    assert with_blob_metadata(sent, blob_metadata) == {"title": "M", "empty": None, "take": 1, "scene": 3}


OLD = {"title": "M", "year": 1931, "color": False, "metadata": {"reel": 1}}


def test_an_update_replaces_the_fields_in_the_request_only() -> None:
    changed = changed_values(OLD, {"year": 1932, "x": 1}, {"poster"}, SCHEMA)
    assert changed == {**OLD, "year": 1932, "x": 1}


def test_null_removes_a_field_or_restores_its_default() -> None:
    assert changed_values(OLD, {"color": None, "year": None, "none": None}, {"poster"}, SCHEMA) == {
        "title": "M",
        "year": 1927,
        "metadata": {"reel": 1},
    }


def test_a_required_field_cannot_be_removed() -> None:
    assert problems(lambda: changed_values(OLD, {"title": None}, {"poster"}, SCHEMA)) == [
        (("body", "title"), "missing")
    ]


def test_an_update_checks_only_the_fields_in_the_request() -> None:
    stale = {"title": 7, "year": "never"}  # valid in an older schema
    assert changed_values(stale, {"color": True}, set(), SCHEMA) == {**stale, "color": True}
    assert problems(lambda: changed_values(stale, {"year": "x"}, set(), SCHEMA)) == [(("body", "year"), "integer_type")]


@pytest.mark.parametrize(
    ("old", "sent", "is_allowed"),
    [
        ({"year": 1}, {"year": 1.0}, True),
        ({"year": 1}, {"year": 2}, False),
        ({"year": 1}, {"year": None}, False),
        ({"metadata": {"year": 1}}, {"year": 1}, True),
        ({"metadata": {"year": 1}}, {"metadata": {"year": 2}}, False),
        ({"year": 1, "metadata": {"year": 5}}, {"metadata": {"year": 6}}, True),
    ],
)
def test_the_unique_key_cannot_change(old: dict[str, Any], sent: dict[str, Any], is_allowed: bool) -> None:
    schema = {"properties": {"year": {"type": "number"}}}
    if is_allowed:
        changed_values(old, sent, set(), schema, key=["year"])
        return
    with pytest.raises(UniqueKeyChange) as raised:
        changed_values(old, sent, set(), schema, key=["year"])
    assert raised.value.details == {"fields": ["year"], "hint": "Delete the object and create another"}


def test_metadata_of_a_put_updates_the_metadata_or_the_root() -> None:
    old = {"title": "M", "metadata": {"reel": 1, "cut": 2}}
    assert merged_metadata(old, {"reel": 5, "title": "N"}) == {"title": "N", "metadata": {"reel": 5, "cut": 2}}
    assert merged_metadata(old, {"cut": None}) == {"metadata": {"reel": 1}}
    assert merged_metadata(old, {"x": 1}) == {"x": 1}
    assert merged_metadata({"metadata": "text"}, {"x": 1}) == {"x": 1}
    assert merged_metadata(old, None) == {}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner, max_size=2),
    max_leaves=5,
)
VALUES = st.dictionaries(st.sampled_from(["title", "year", "tags", "maker", "other", "metadata"]), JSON, max_size=4)


@given(VALUES)
def test_accepted_values_are_valid_and_accepted_again_unchanged(sent: dict[str, Any]) -> None:
    try:
        values = new_values(sent, {"poster"}, SCHEMA)
    except RequestInvalid:
        return
    assert is_valid(values, {"poster"}, SCHEMA)
    assert is_valid({**values, "title": None, "metadata": {"title": values["title"]}}, {"poster"}, SCHEMA)
    assert not is_valid({**values, "title": None, "metadata": {"title": 5}}, {"poster"}, SCHEMA)
    assert new_values(values, {"poster"}, SCHEMA) == values


@given(VALUES, VALUES)
def test_an_update_does_not_change_other_fields(old: dict[str, Any], sent: dict[str, Any]) -> None:
    try:
        values = changed_values(old, sent, {"poster"}, SCHEMA)
    except RequestInvalid:
        return
    assert {name: values.get(name) for name in old if name not in sent} == {
        name: old[name] for name in old if name not in sent
    }
