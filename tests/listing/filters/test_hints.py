"""Filters and sorts that are written as in other systems are errors that say how to write them here."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.errors import Problem, RequestInvalid
from chalicelib.listing.filters.tree import OPERATORS, read_filter
from chalicelib.listing.sorting import read_sorts


def rejection(filters: Any, **more: Any) -> tuple[tuple[str | int, ...], str]:
    """Returns location and message of the only problem of an invalid filter."""
    with pytest.raises(RequestInvalid) as raised:
        read_filter(filters, **more)
    (problem,) = raised.value.problems
    return problem.location[2:], problem.message


@pytest.mark.parametrize(
    ("operator", "ours"),
    [
        ("$gte", "gte"), (">=", "gte"), ("GTE", "gte"), ("$in", "in"), ("not_in", "nin"), ("!=", "ne"), ("==", "eq"),
        ("startsWith", "starts_with"), ("startswith", "starts_with"), ("isnull", "is_null"), ("like", "text"),
    ],
)  # fmt: skip
def test_an_operator_of_another_system_is_rejected_with_ours(operator: str, ours: str) -> None:
    location, message = rejection({"field": "year", "operator": operator, "value": 1})
    assert location == ("operator",)
    assert f"use {ours};" in message
    assert all(each in message for each in OPERATORS)


def test_an_unknown_operator_is_rejected_with_all_of_ours() -> None:
    assert rejection({"field": "a", "operator": "near", "value": 1})[1].startswith("Unsupported operator; supported:")


@pytest.mark.parametrize(
    ("filters", "location", "hint"),
    [
        ({"and": [{"a": 1}]}, ("and",), "AND"),
        ({"$or": [{"a": 1}]}, ("$or",), "OR"),
        ({"not": {"a": 1}}, ("not",), "NOT"),
        ({"AND": [{"or": [{"a": 1}]}]}, ("AND", 0, "or"), "OR"),
        ({"year": {"$gte": 1925}}, ("year",), '{"field": "year", "operator": "gte", "value": 1925}'),
        ({"year": {"gte": 1925, "lt": 1930}}, ("year",), '{"field": "year", "operator": "gte", "value": 1925}'),
        ({"$gte": 5}, ("$gte",), "gte"),
        ({"field": "year", "gte": 5}, ("gte",), "operator, value"),
    ],
)
def test_a_form_of_another_system_is_rejected_with_ours(filters: Any, location: Any, hint: str) -> None:
    found, message = rejection(filters)
    assert found == location
    assert hint in message


@pytest.mark.parametrize(
    ("filters", "row"),
    [
        ({"and": True}, {"and": True}),
        ({"not": ["a"]}, {"not": ["a"]}),
        ({"$schema": "x"}, {"$schema": "x"}),
        ({"title": {"text": "M"}}, {"title": {"text": "M"}}),
        ({"range": {"gte": 1, "unit": "m"}}, {"range": {"gte": 1, "unit": "m"}}),
        ({"field": "range", "operator": "eq", "value": {"gte": 1}}, {"range": {"gte": 1}}),
        ({"field": "and", "value": [{"a": 1}]}, {"and": [{"a": 1}]}),
    ],
)
def test_fields_with_the_names_of_operators_can_be_compared(filters: Any, row: dict[str, Any]) -> None:
    assert read_filter(filters).matches(row)


def test_an_unknown_field_is_rejected_where_the_fields_are_known() -> None:
    location, message = rejection({"AND": [{"a.b": 1}, {"field": "c", "value": 1}]}, fields=["a", "b"])
    assert location == ("AND", 1, "field")
    assert message == "There is no field 'c'; the fields are: a, b"
    assert rejection({"ab": 1}, fields=["a", "b"])[0] == ("ab",)


@pytest.mark.parametrize(
    ("sort", "field", "direction"),
    [
        ({"bucket_name": "asc"}, "bucket_name", "asc"),
        ({"bucket_name": "DESC"}, "bucket_name", "desc"),
        ({"bucket_name": -1}, "bucket_name", "desc"),
        ("-bucket_name", "bucket_name", "desc"),
        ("bucket_name", "bucket_name", "asc"),
        ("bucket_name:desc", "bucket_name", "desc"),
    ],
)
def test_a_short_sort_is_rejected_with_the_long_form(sort: Any, field: str, direction: str) -> None:
    with pytest.raises(RequestInvalid) as raised:
        read_sorts(sort, None)
    message = raised.value.problems[0].message
    assert "use {field, direction}" in message
    assert f'{{"field": "{field}", "direction": "{direction}"}}' in message


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["$gte", "and", "-x"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["$gte", "gte", "and", "$or", "field", "a", "", "$"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(JSON)
def test_any_filter_and_any_sort_is_read_or_rejected(raw: Any) -> None:
    problems: list[Problem] = []
    for read in (lambda: read_filter(raw), lambda: read_sorts(raw, None)):
        try:
            read()
        except RequestInvalid as error:
            problems.extend(error.problems)
    assert all(problem.location[0] == "body" for problem in problems)
