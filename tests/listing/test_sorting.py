from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chalicelib.core.errors import RequestInvalid
from chalicelib.core.json_path import MAX_DOTS, MAX_PATH
from chalicelib.listing import cursors
from chalicelib.listing.filters.tree import read_filter
from chalicelib.listing.sorting import (
    MAX_CURSOR_CHARACTERS,
    MAX_SORTS,
    SortKey,
    SortPosition,
    position,
    read_sorts,
    resumed_position,
    shortened,
    sort_position,
)

NOTATIONS = [
    "2024-06-01",
    "2024-06-01T00:00:00Z",
    "2024-05-31T23:00:00-01:00",
    "2024-06-01 00:00:00.000000001",
    "2024-06-01t",
]
scalars = st.none() | st.booleans() | st.integers(-(10**37), 10**37) | st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(st.characters(exclude_categories=["Cs"]))
values = st.recursive(
    scalars | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=2), inner, max_size=2),
    max_leaves=4,
)
few = st.sampled_from([None, True, 1, 1.0, 2, "a", "A", "b", [1], {"x": 1}])
rows = st.fixed_dictionaries({}, optional={"a": few | values, "b": few | values})
sorts = st.lists(st.builds(SortKey, st.sampled_from(["a", "b", "b.x"]), st.booleans(), st.booleans()), max_size=3).map(
    tuple
)


def ordered(given_rows: dict[str, Any], keys: tuple[SortKey, ...]) -> list[str]:
    return sorted(given_rows, key=lambda id_: sort_position(position(given_rows[id_], keys, id_), keys))


def order_of(values_: list[Any], **how: Any) -> list[Any]:
    by_id = {f"{number:03}": {"a": value} for number, value in enumerate(values_)}
    return [by_id[id_]["a"] for id_ in ordered(by_id, (SortKey("a", **how),))]


def walked(by_id: dict[str, Any], keys: tuple[SortKey, ...], size: int) -> Iterator[list[str]]:
    """Yields the pages of a list, each from the cursor of the previous one.

    The caller may change the rows between two pages.
    """
    after = None
    while True:
        last = resumed(cursors.decode(after, query="q"), by_id, keys) if after else None
        rest = [
            id_
            for id_ in ordered(by_id, keys)
            if last is None or last < sort_position(position(by_id[id_], keys, id_), keys)
        ]
        page = rest[:size]
        if page:
            after = cursors.encode(shortened(position(by_id[page[-1]], keys, page[-1])), query="q")
        yield page
        if len(rest) <= size:
            return


def resumed(cursor: list[Any], by_id: dict[str, Any], keys: tuple[SortKey, ...]) -> SortPosition:
    row = by_id.get(cursor[-1])
    return resumed_position(cursor, position(row, keys, cursor[-1]) if row is not None else None, keys)


def test_types_have_an_order_and_missing_values_are_last() -> None:
    assert order_of([None, {"x": 1}, [1], "text", 5, 1.5, True, False]) == [
        False,
        True,
        1.5,
        5,
        "text",
        [1],
        {"x": 1},
        None,
    ]


def test_descending_is_the_exact_reverse() -> None:
    mixed = [None, {"x": 1}, [1], "b", "a", 5, 1.5, True, False]
    assert order_of(mixed, descending=True) == order_of(mixed)[::-1]


def test_text_is_folded_unless_the_sort_is_case_sensitive() -> None:
    assert order_of(["b", "A", "a", "B"]) == ["A", "a", "b", "B"]
    assert order_of(["b", "A", "a", "B"], case_sensitive=True) == ["A", "B", "a", "b"]


def test_times_are_ordered_by_instant_in_any_notation() -> None:
    times = ["2024-05-31T23:00:00-05:00", "2024-06-01T00:00:00Z", "2024-06-01T00:30:00+03:00", "2024-06-01"]
    times += ["2024-06-01 00:00:00.000000001", "2024-06-01T00:00:00.000000002Z"]
    by_instant = [times[2], times[1], times[3], times[4], times[5], times[0]]
    assert order_of(times) == by_instant
    assert order_of(times, case_sensitive=True) == by_instant


@given(
    st.lists(st.sampled_from(NOTATIONS) | st.text("2024-0601tT:zZ+ ", max_size=20), min_size=2, max_size=6),
    st.booleans(),
)
def test_sorts_and_comparisons_have_the_same_order(texts_: list[str], case_sensitive: bool) -> None:
    by_id = {str(number): {"a": text} for number, text in enumerate(texts_)}
    keys = (SortKey("a", case_sensitive=case_sensitive),)
    for one, other in itertools.pairwise(ordered(by_id, keys)):
        for operator, expected in (("gt", False), ("lte", True)):
            leaf = {"field": "a", "operator": operator, "value": by_id[other]["a"]}
            assert read_filter(leaf, case_sensitive=case_sensitive).matches(by_id[one]) is expected
        leaf = {"field": "a", "operator": "gte", "value": by_id[other]["a"]}
        is_equal = read_filter(leaf, case_sensitive=case_sensitive).matches(by_id[one])
        for operator in ("eq", "in", "contains"):
            row = {"a": [by_id[one]["a"]] if operator == "contains" else by_id[one]["a"]}
            value = [by_id[other]["a"]] if operator == "in" else by_id[other]["a"]
            leaf = {"field": "a", "operator": operator, "value": value}  # type: ignore[dict-item]
            assert read_filter(leaf, case_sensitive=case_sensitive).matches(row) is is_equal


def test_equal_rows_are_ordered_by_id_in_the_direction_of_the_first_key() -> None:
    by_id = {"2": {"a": 1}, "1": {"a": 1.0}, "3": {"a": True}}
    assert ordered(by_id, (SortKey("a"),)) == ["3", "1", "2"]
    assert ordered(by_id, (SortKey("a", descending=True), SortKey("b"))) == ["2", "1", "3"]
    assert ordered(by_id, ()) == ["1", "2", "3"]


def test_the_first_key_takes_precedence_and_each_key_has_a_direction() -> None:
    by_id = {"1": {"a": 1, "b": 1}, "2": {"a": 1, "b": 2}, "3": {"a": 0, "b": 0}}
    assert ordered(by_id, (SortKey("a"), SortKey("b", descending=True))) == ["3", "2", "1"]


def test_keys_are_dotted_paths() -> None:
    by_id = {"1": {"m": {"n": [2]}}, "2": {"m": {"n": [1]}}, "3": {}}
    assert ordered(by_id, (SortKey("m.n.0"),)) == ["2", "1", "3"]


@given(st.lists(rows, min_size=3, max_size=3), sorts)
def test_the_order_is_total(three: list[Any], keys: tuple[SortKey, ...]) -> None:
    positions = [sort_position(position(row, keys, f"{number}"), keys) for number, row in enumerate(three)]
    for one, other in itertools.permutations(positions, 2):
        assert (one < other) + (other < one) + (one == other) == 1
    for one, other, third in itertools.permutations(positions):
        assert not (one < other < third) or one < third


@given(rows, sorts)
def test_a_position_survives_json(row: Any, keys: tuple[SortKey, ...]) -> None:
    original = position(row, keys, "id")
    again = json.loads(json.dumps(original))
    assert len(original) == len(keys) + 1
    assert sort_position(again, keys) == sort_position(original, keys)


@given(st.lists(rows, max_size=12), sorts, st.integers(1, 5))
@example([{"a": "x" * 9000 + str(number)} for number in range(5)], (SortKey("a"),), 2)
@example([{"a": "\x01" * 9000}] * 3, (SortKey("a", descending=True),), 1)
@example([{"a": "🎬" * 9000}] * 3, tuple([SortKey("a")] * MAX_SORTS), 1)
@example([{"a": ["x" * 9000]}] * 3, (SortKey("a"),), 1)
def test_a_walk_by_cursors_returns_each_row_once(given_rows: list[Any], keys: tuple[SortKey, ...], size: int) -> None:
    by_id = {f"{number:02}": row for number, row in enumerate(given_rows)}
    pages = list(walked(by_id, keys, size))
    assert [id_ for page in pages for id_ in page] == ordered(by_id, keys)
    assert all(len(page) == size for page in pages[:-1])


@pytest.mark.parametrize("case_sensitive", [False, True])
def test_long_texts_are_compared_by_all_their_characters(case_sensitive: bool) -> None:
    long = ["x" * 100_000 + end for end in "dacb"]
    assert order_of(long, case_sensitive=case_sensitive) == sorted(long)
    assert order_of(long, case_sensitive=case_sensitive, descending=True) == sorted(long, reverse=True)


change: st.SearchStrategy[Any] = st.sampled_from(["none", "delete", "update"])
LONG = MAX_CURSOR_CHARACTERS * "x"
long_rows = st.dictionaries(
    st.integers(0, 99).map(lambda number: f"{number:02}"),
    st.fixed_dictionaries(
        {
            name: st.sampled_from([LONG, LONG + "a", LONG + "b", LONG + "B" * 9, "x", "y", 1, "\U0010ffff" * 900])
            for name in "ab"
        }
    ),
    max_size=10,
)


@given(long_rows, sorts, st.integers(1, 4), st.data())
def test_a_walk_loses_no_row_if_the_rows_of_its_cursors_change(
    by_id: dict[str, Any], keys: tuple[SortKey, ...], size: int, data: st.DataObject
) -> None:
    expected: set[str] = set(by_id)
    found: list[str] = []
    walk = walked(by_id, keys, size)
    # A changed text can let the walk repeat rows, so the number of pages has a limit that stops an endless walk.
    for page in itertools.islice(walk, 4 * len(by_id) + 4):
        found += page
        changed = data.draw(change) if page else "none"
        if changed == "delete":
            by_id.pop(page[-1])
        elif changed == "update":
            by_id[page[-1]] = {"a": "", "b": ""}
    assert expected - set(found) == set()


def test_a_cursor_of_an_unchanged_row_continues_after_it() -> None:
    by_id = {f"{number}": {"a": LONG + end} for number, end in enumerate("dacb")}
    for descending in (False, True):
        keys = (SortKey("a", descending=descending),)
        assert [page for (page,) in walked(by_id, keys, 1)] == ordered(by_id, keys)


@given(st.lists(values, min_size=2, max_size=3), sorts)
def test_any_forged_position_can_be_compared(forged: list[Any], keys: tuple[SortKey, ...]) -> None:
    forged = [*forged, {"start": forged[0], "hash": forged[-1]}, forged[-1]]
    forged_position = resumed_position(forged, None, keys[: len(forged) - 1])
    assert not forged_position < forged_position  # noqa: PLR0124


@pytest.mark.parametrize(
    ("sort", "sorts_", "expected"),
    [
        (None, None, ()),
        ({}, [], ()),
        ({"field": "a"}, None, (SortKey("a"),)),
        ({"field": "a", "direction": None}, None, (SortKey("a"),)),
        ({"field": "a.b", "direction": "DESC"}, [], (SortKey("a.b", descending=True),)),
        ({"field": "a"}, [{"field": "b", "direction": "Asc"}, {"field": "c"}], (SortKey("b"), SortKey("c"))),
    ],
)
def test_sorts_take_precedence_over_sort_and_empty_ones_are_ignored(
    sort: Any, sorts_: Any, expected: tuple[SortKey, ...]
) -> None:
    assert read_sorts(sort, sorts_) == expected


def test_each_key_knows_whether_it_is_case_sensitive() -> None:
    assert read_sorts({"field": "a"}, None, case_sensitive=True) == (SortKey("a", case_sensitive=True),)


@pytest.mark.parametrize(
    ("sort", "sorts_", "location", "type_"),
    [
        ("a", None, ("sort",), "dict_type"),
        ("", None, ("sort",), "dict_type"),
        (0, None, ("sort",), "dict_type"),
        ([], None, ("sort",), "dict_type"),
        (None, "", ("sorts",), "list_type"),
        (None, False, ("sorts",), "list_type"),
        (None, {}, ("sorts",), "list_type"),
        ({"direction": "asc"}, None, ("sort", "field"), "missing"),
        ({"field": ""}, None, ("sort", "field"), "missing"),
        ({"field": 5}, None, ("sort", "field"), "missing"),
        ({"field": "a" * (MAX_PATH + 1)}, None, ("sort", "field"), "string_too_long"),
        ({"field": "a." * MAX_DOTS + ".a"}, None, ("sort", "field"), "path_too_deep"),
        (None, [{"field": "." * (MAX_DOTS + 1)}], ("sorts", 0, "field"), "path_too_deep"),
        ({"field": "a", "direction": "up"}, None, ("sort", "direction"), "enum"),
        ({"field": "a", "direction": 1}, None, ("sort", "direction"), "enum"),
        ({"field": "a", "direction": ""}, None, ("sort", "direction"), "enum"),
        ({"field": "a", "order": "asc"}, None, ("sort", "order"), "extra_forbidden"),
        (None, {"field": "a"}, ("sorts",), "list_type"),
        (None, [{"field": "a"}] * (MAX_SORTS + 1), ("sorts",), "list_type"),
        (None, [{"field": "a"}, {}], ("sorts", 1, "field"), "missing"),
        (None, [{"field": "a"}, "b"], ("sorts", 1), "dict_type"),
        (None, [{"field": "a", "direction": "x"}], ("sorts", 0, "direction"), "enum"),
    ],
)
def test_an_error_names_its_location(sort: Any, sorts_: Any, location: tuple[str | int, ...], type_: str) -> None:
    with pytest.raises(RequestInvalid) as caught:
        read_sorts(sort, sorts_)
    problem = caught.value.problems[0]
    assert (problem.location, problem.type) == (("body", *location), type_)
