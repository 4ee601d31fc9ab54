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
from chalicelib.schemas.reserved_names import RESERVED_OBJECT_NAMES

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
    with pytest.raises(RequestInvalid) as refused:
        call()
    return [(problem.location, problem.type) for problem in refused.value.problems]


def test_defaults_are_filled_at_every_depth() -> None:
    values = new_values({"title": "M", "maker": {"name": "Lang"}}, {"poster"}, SCHEMA)
    assert values == {"title": "M", "year": 1927, "maker": {"name": "Lang", "land": "de"}}


def test_what_the_schema_does_not_declare_is_kept_as_it_is() -> None:
    values = new_values({"title": "M", "score": None, "x": {"y": [1]}}, {"poster"}, SCHEMA)
    assert (values["score"], values["x"]) == (None, {"y": [1]})


def test_a_null_in_a_declared_field_counts_as_absent() -> None:
    assert new_values({"title": "M", "year": None}, {"poster"}, SCHEMA)["year"] == 1927
    assert problems(lambda: new_values({"title": None}, {"poster"}, SCHEMA)) == [(("body", "title"), "missing")]


def test_every_misfit_is_named_with_its_path() -> None:
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


def test_a_required_field_may_stand_in_metadata_where_the_client_puts_it_and_is_checked_there() -> None:
    assert new_values({"metadata": {"title": "M"}}, {"poster"}, SCHEMA)["metadata"] == {"title": "M"}
    sent = {"metadata": {"title": 5}}
    assert problems(lambda: new_values(sent, {"poster"}, SCHEMA)) == [(("body", "metadata", "title"), "string_type")]


@pytest.mark.parametrize("name", [*sorted(RESERVED_OBJECT_NAMES), "_internal", "_", "auto_process"])
def test_names_of_the_service_are_refused(name: str) -> None:
    assert problems(lambda: check_names([name], SCHEMA)) == [(("body", name), "reserved_name")]


def test_auto_process_is_a_field_where_the_schema_says_so() -> None:
    check_names(["auto_process"], {"properties": {"auto_process": {"type": "boolean"}}})


def test_metadata_of_blobs_rises_to_the_root_where_nothing_stands() -> None:
    sent = {"title": "M", "empty": None}
    of_blobs = [{"title": "other", "take": 1, "_id": 1, "status": "x"}, {"take": 2, "empty": "full", "scene": 3}]
    assert with_blob_metadata(sent, of_blobs) == {"title": "M", "empty": None, "take": 1, "scene": 3}


OLD = {"title": "M", "year": 1931, "color": False, "metadata": {"reel": 1}}


def test_a_change_replaces_what_is_sent_and_keeps_the_rest() -> None:
    changed = changed_values(OLD, {"year": 1932, "x": 1}, {"poster"}, SCHEMA)
    assert changed == {**OLD, "year": 1932, "x": 1}


def test_null_removes_a_field_or_brings_its_default_back() -> None:
    assert changed_values(OLD, {"color": None, "year": None, "none": None}, {"poster"}, SCHEMA) == {
        "title": "M",
        "year": 1927,
        "metadata": {"reel": 1},
    }


def test_a_required_field_cannot_be_removed() -> None:
    assert problems(lambda: changed_values(OLD, {"title": None}, {"poster"}, SCHEMA)) == [
        (("body", "title"), "missing")
    ]


def test_a_change_is_checked_only_where_it_changes_something() -> None:
    stale = {"title": 7, "year": "never"}  # as an older schema allowed
    assert changed_values(stale, {"color": True}, set(), SCHEMA) == {**stale, "color": True}
    assert problems(lambda: changed_values(stale, {"year": "x"}, set(), SCHEMA)) == [(("body", "year"), "integer_type")]


@pytest.mark.parametrize(
    ("old", "sent", "kept"),
    [
        ({"year": 1}, {"year": 1.0}, True),
        ({"year": 1}, {"year": 2}, False),
        ({"year": 1}, {"year": None}, False),
        ({"metadata": {"year": 1}}, {"year": 1}, True),
        ({"metadata": {"year": 1}}, {"metadata": {"year": 2}}, False),
        ({"year": 1, "metadata": {"year": 5}}, {"metadata": {"year": 6}}, True),
    ],
)
def test_the_unique_key_never_changes(old: dict[str, Any], sent: dict[str, Any], kept: bool) -> None:
    schema = {"properties": {"year": {"type": "number"}}}
    if kept:
        changed_values(old, sent, set(), schema, key=["year"])
        return
    with pytest.raises(UniqueKeyChange) as refused:
        changed_values(old, sent, set(), schema, key=["year"])
    assert refused.value.details == {"fields": ["year"], "hint": "Delete the object and create another"}


def test_metadata_of_a_put_goes_where_the_object_holds_it() -> None:
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
def test_whatever_is_taken_fits_and_is_taken_again_unchanged(sent: dict[str, Any]) -> None:
    try:
        values = new_values(sent, {"poster"}, SCHEMA)
    except RequestInvalid:
        return
    assert is_valid(values, {"poster"}, SCHEMA)
    assert is_valid({**values, "title": None, "metadata": {"title": values["title"]}}, {"poster"}, SCHEMA)
    assert not is_valid({**values, "title": None, "metadata": {"title": 5}}, {"poster"}, SCHEMA)
    assert new_values(values, {"poster"}, SCHEMA) == values


@given(VALUES, VALUES)
def test_a_change_touches_nothing_that_is_not_sent(old: dict[str, Any], sent: dict[str, Any]) -> None:
    try:
        values = changed_values(old, sent, {"poster"}, SCHEMA)
    except RequestInvalid:
        return
    assert {name: values.get(name) for name in old if name not in sent} == {
        name: old[name] for name in old if name not in sent
    }
