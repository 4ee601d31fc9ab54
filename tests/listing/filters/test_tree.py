"""The syntax of filters, the combination of nodes, and the locations of errors."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.errors import Problem, RequestInvalid
from chalicelib.core.json_path import MAX_DOTS, MAX_PATH
from chalicelib.listing.filters.subjects import RowValues
from chalicelib.listing.filters.tree import MAX_DEPTH, MAX_NODES, MAX_PATTERNS, read_filter

ROW = {
    "name": "Films",
    "count": 3,
    "tags": ["red", {"shade": "Dark"}],
    "metadata": {"campaign": "summer", "a.b": 1, "deep": {"list": [[10], [20]]}},
    "a": {"b": {"c": 1}, "b.c": 2},
}
TOO_DEEP = "a" + ".a" * (MAX_DOTS + 1)

scalars = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([1.0, "a", "A", "b", "ß", "SS"])
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3), max_leaves=4)
fields = st.sampled_from(["a", "b", "c", "c.d"])
rows = st.fixed_dictionaries({}, optional={"a": values, "b": values, "c": st.fixed_dictionaries({"d": values})})
comparisons = (
    st.fixed_dictionaries({"field": fields, "value": values})
    | st.fixed_dictionaries(
        {
            "field": fields,
            "operator": st.sampled_from(["eq", "ne", "contains", "gt", "lte"]),
            "value": st.integers(-3, 3),
        }
    )
    | st.fixed_dictionaries({"field": fields, "operator": st.sampled_from(["text", "phrase"]), "value": st.just("a")})
)
shorthand = st.dictionaries(fields, values, max_size=2)
filters = st.recursive(
    comparisons | shorthand,
    lambda inner: st.dictionaries(st.sampled_from(["AND", "OR", "NOT"]), st.lists(inner, max_size=3), max_size=3),
    max_leaves=8,
)


def matches(raw: Any, row: Any = ROW, *, case_sensitive: bool = False) -> bool:
    return read_filter(raw, case_sensitive=case_sensitive).matches(row)


def problem(raw: Any) -> Problem:
    with pytest.raises(RequestInvalid) as caught:
        read_filter(raw)
    return caught.value.problems[0]


def as_sent(raw: Any) -> Any:
    """Returns a filter as the official client sends it, with `case_sensitive` in every node and leaf."""
    sent = dict(raw)
    for name in {"AND", "OR", "NOT"} & raw.keys():
        below = raw[name]
        sent[name] = as_sent(below) if isinstance(below, dict) else [as_sent(member) for member in below]
    return {**sent, "case_sensitive": False}


@pytest.mark.parametrize(
    "raw",
    [
        {},
        {"name": "films"},
        {"name": "films", "count": 3},
        {"metadata.campaign": "summer"},
        {"field": "name", "value": "films"},
        {"field": "name", "operator": "eq", "value": "films", "case_sensitive": False},
        {"AND": [{"name": "films"}, {"field": "count", "operator": "gte", "value": 3}]},
        {"OR": [{"name": "other"}, {"count": 3}]},
        {"NOT": [{"name": "other"}, {"count": 4}]},
        {"NOT": {"name": "other"}},
        {"NOT": {"field": "name", "value": "other"}},
        {"count": 3, "OR": [{"name": "films"}], "NOT": [{"name": "other"}], "AND": []},
        {"AND": [{"OR": [{"NOT": [{"name": "other"}]}]}]},
    ],
)
def test_trees_leaves_and_shorthand_mix_freely(raw: Any) -> None:
    assert matches(raw)
    assert matches(as_sent(raw))


@pytest.mark.parametrize(
    "raw",
    [
        {"name": "films", "count": 4},
        {"AND": [{"name": "films"}, {"count": 4}]},
        {"OR": [{"name": "other"}, {"count": 4}]},
        {"OR": []},
        {"NOT": [{"name": "other"}, {"count": 3}]},
        {"NOT": {"name": "films"}},
        {"count": 3, "OR": [{"name": "films"}], "NOT": [{"name": "films"}]},
    ],
)
def test_every_part_of_a_node_must_hold(raw: Any) -> None:
    assert not matches(raw)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("metadata.campaign", "summer"),
        ("tags.0", "red"),
        ("tags.1.shade", "dark"),
        ("metadata.a.b", 1),
        ("metadata.deep.list.1.0", 20),
        ("metadata.deep.list.0", [10]),
        ("a", {"b": {"c": 1}, "b.c": 2}),
    ],
)
def test_paths_follow_objects_lists_and_keys_with_dots(path: str, value: Any) -> None:
    assert matches({path: value})
    assert matches({"field": path, "operator": "exists", "value": True})


@pytest.mark.parametrize("path", ["tags.2", "tags.-1", "tags.x", "tags.²", "tags.0.x", "name.x", "metadata.", "."])
def test_paths_to_nothing_are_absent(path: str) -> None:
    assert matches({"field": path, "operator": "exists", "value": False})


def test_a_path_with_the_maximum_number_of_dots_is_followed() -> None:
    deep: Any = 1
    for _ in range(MAX_DOTS + 1):
        deep = {"a": deep}

    assert read_filter({TOO_DEEP.removesuffix(".a"): 1}).matches(deep)


def test_the_longest_key_is_used_if_a_path_is_ambiguous() -> None:
    assert matches({"a.b.c": 2})
    assert not matches({"a.b.c": 1})


@given(filters, rows, st.booleans())
def test_the_additions_of_the_official_client_have_no_effect(raw: Any, row: Any, case_sensitive: bool) -> None:
    plain = matches(raw, row, case_sensitive=case_sensitive)
    assert matches(as_sent(raw), row, case_sensitive=case_sensitive) is plain


@given(st.lists(filters, max_size=3), rows)
def test_not_is_the_negation_of_or_and_de_morgans_laws_hold(members: list[Any], row: Any) -> None:
    assert matches({"NOT": members}, row) is not matches({"OR": members}, row)
    assert matches({"NOT": members}, row) is matches({"AND": [{"NOT": [member]} for member in members]}, row)
    assert matches({"AND": members}, row) is matches({"NOT": [{"NOT": [member]} for member in members]}, row)


@given(fields, values, rows)
def test_ne_and_nin_are_the_opposites_of_eq_and_in(field: str, value: Any, row: Any) -> None:
    for operator, opposite, operand in (("eq", "ne", value), ("in", "nin", [value, "b"])):
        one = matches({"field": field, "operator": operator, "value": operand}, row)
        assert matches({"field": field, "operator": opposite, "value": operand}, row) is not one


def test_case_sensitive_true_applies_to_everything_inside_a_node() -> None:
    leaf = {"field": "name", "value": "films", "case_sensitive": False}
    assert matches(leaf)
    assert not matches({**leaf, "case_sensitive": True})
    assert not matches({"AND": [leaf], "case_sensitive": True})
    assert matches({"OR": [{**leaf, "case_sensitive": True}, leaf]})


def test_case_sensitive_false_in_a_node_does_not_override_the_body() -> None:
    assert not matches(as_sent({"AND": [{"field": "name", "value": "films"}]}), case_sensitive=True)
    assert matches(as_sent({"AND": [{"field": "name", "value": "Films"}]}), case_sensitive=True)


def test_case_sensitive_is_never_a_field() -> None:
    assert matches({"case_sensitive": True})
    assert matches({"case_sensitive": None, "name": "films"})


@pytest.mark.parametrize(
    ("raw", "location", "type_"),
    [
        ([], (), "dict_type"),
        ("x", (), "dict_type"),
        ({"AND": {}}, ("AND",), "list_type"),
        ({"OR": {"name": "x"}}, ("OR",), "list_type"),
        ({"NOT": "x"}, ("NOT",), "list_type"),
        ({"AND": [{}, 5]}, ("AND", 1), "dict_type"),
        ({"case_sensitive": "yes"}, ("case_sensitive",), "bool_type"),
        ({"AND": [{"a": 1, "case_sensitive": 1}]}, ("AND", 0, "case_sensitive"), "bool_type"),
        ({"field": "", "value": 1}, ("field",), "string_type"),
        ({"field": 5, "value": 1}, ("field",), "string_type"),
        ({"field": "a" * (MAX_PATH + 1), "value": 1}, ("field",), "string_too_long"),
        ({"AND": [{"a" * (MAX_PATH + 1): 1}]}, ("AND", 0), "string_too_long"),
        ({"AND": [{"field": TOO_DEEP, "value": 1}]}, ("AND", 0, "field"), "path_too_deep"),
        ({"OR": [{TOO_DEEP: 1}]}, ("OR", 0, TOO_DEEP), "path_too_deep"),
        ({"OR": [{"field": "a"}]}, ("OR", 0, "value"), "missing"),
        ({"field": "a", "value": 1, "AND": []}, ("AND",), "extra_forbidden"),
        ({"NOT": {"field": "a", "valu": 1}}, ("NOT", "valu"), "extra_forbidden"),
        ({"AND": [{"field": "a", "operator": "like", "value": 1}]}, ("AND", 0, "operator"), "enum"),
        ({"field": "a", "operator": None, "value": 1}, ("operator",), "enum"),
        ({"field": "a", "operator": ["eq"], "value": 1}, ("operator",), "enum"),
        ({"field": "a", "operator": "EQ", "value": 1}, ("operator",), "enum"),
        ({"field": "a", "operator": "geo_radius", "value": {}}, ("operator",), "enum"),
        ({"field": "a", "operator": "geo_bounding_box", "value": {}}, ("operator",), "enum"),
        ({"field": "a", "operator": "geo_polygon", "value": {}}, ("operator",), "enum"),
        ({"a.b": {"type": "dynamic", "field": "inputs.x"}}, ("a.b",), "value_error"),
        ({"NOT": [{"field": "a", "value": {"type": "dynamic", "field": "x"}}]}, ("NOT", 0, "value"), "value_error"),
        ({"field": "a", "operator": "in", "value": [1, {"type": "dynamic"}]}, ("value", 1), "value_error"),
        ({"AND": [{"a": 1}, {"field": "a", "operator": "in", "value": 1}]}, ("AND", 1, "value"), "list_type"),
    ],
)
def test_an_error_names_its_location(raw: Any, location: tuple[str | int, ...], type_: str) -> None:
    found = problem(raw)
    assert (found.location, found.type) == (("body", "filters", *location), type_)
    assert found.message


def test_an_unsupported_operator_has_a_message_that_says_so() -> None:
    assert "unsupported operator" in problem({"field": "a", "operator": "geo_radius", "value": 1}).message.lower()


def test_locations_start_at_the_given_one() -> None:
    with pytest.raises(RequestInvalid) as caught:
        read_filter({"AND": 1}, location=("query", "where", 2))
    assert caught.value.problems[0].location == ("query", "where", 2, "AND")


def nested(depth: int) -> Any:
    raw: Any = {"name": "films"}
    for _ in range(depth - 1):
        raw = {"AND": [raw]}
    return raw


def test_nesting_is_limited_and_the_error_names_the_location() -> None:
    assert matches(nested(MAX_DEPTH))
    found = problem(nested(MAX_DEPTH + 1))
    assert found.location == ("body", "filters", *("AND", 0) * MAX_DEPTH)
    assert found.type == "filter_too_deep"
    assert problem(nested(500)).type == "filter_too_deep"


def test_the_number_of_parts_is_limited() -> None:
    leaf = {"field": "name", "value": "films"}
    assert matches({"AND": [leaf] * (MAX_NODES - 1)})
    assert problem({"AND": [leaf] * MAX_NODES}).type == "filter_too_large"
    assert problem({f"a{number}": 1 for number in range(MAX_NODES)}).type == "filter_too_large"


def test_the_number_of_patterns_is_limited() -> None:
    leaf = {"field": "name", "operator": "regex", "value": "f"}
    assert matches({"AND": [leaf] * MAX_PATTERNS})
    found = problem({"AND": [leaf] * (MAX_PATTERNS + 1)})
    assert (found.location, found.type) == (("body", "filters", "AND", MAX_PATTERNS), "filter_too_large")


def test_the_repetitions_of_all_patterns_together_are_limited() -> None:
    leaf = {"field": "name", "operator": "regex", "value": ".{0,200}x"}
    assert not matches({"AND": [leaf, leaf]})
    found = problem({"AND": [leaf, {"OR": [leaf, leaf]}]})
    assert (found.location, found.type) == (("body", "filters", "AND", 1, "OR", 1), "filter_too_large")


def test_required_comparisons_are_those_that_every_match_fulfils() -> None:
    raw = {
        "name": "a",
        "AND": [
            {"field": "b", "operator": "starts_with", "value": "x", "case_sensitive": True},
            {"AND": [{"c": [1]}]},
            {"OR": [{"d": 1}, {"e": 1}]},
        ],
        "NOT": [{"f": 1}],
    }
    found = [(leaf.field, leaf.operator, leaf.value, leaf.case_sensitive) for leaf in read_filter(raw).required()]
    assert found == [("name", "eq", "a", False), ("b", "starts_with", "x", True), ("c", "eq", [1], False)]
    assert [leaf.field for leaf in read_filter({"field": "a", "value": 1}).required()] == ["a"]


@given(filters, rows)
def test_required_comparisons_hold_for_every_matching_row(raw: Any, row: Any) -> None:
    read = read_filter(raw)
    if read.matches(row):
        assert all(leaf.holds(RowValues(row)) for leaf in read.required())
