"""Lists as pure functions: for any request, the pages together are the entire list."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.listing import limits, sorting
from chalicelib.listing import query as query_module
from chalicelib.listing.pagination import PageRequest, SortTooLarge
from chalicelib.listing.query import ListedResource, ListPage, ListQuery, read_list, select_page, take_page
from chalicelib.listing.sorting import SortKey

Row = dict[str, Any]
RESOURCE: ListedResource[Row] = ListedResource(
    id=lambda row: row["id"],
    show=lambda row: row,
    texts=lambda row: [row["id"], row["text"]],
    size=lambda row: row["size"],
)
DEFAULT = (SortKey("made", descending=True),)
SMALL_PAGE_BYTES = 100

values = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 3), st.sampled_from([0.5, 1.0, -2.5]), st.text("aAbß", max_size=3)
)
rows_ = st.lists(
    st.fixed_dictionaries(
        {
            "id": st.text("abcdefgh", min_size=1, max_size=4),
            "text": st.text("aAbB*", max_size=4),
            "made": st.integers(0, 4),
            "size": st.integers(1, 2 * SMALL_PAGE_BYTES),
            "meta": st.dictionaries(st.sampled_from(["x", "y"]), values, max_size=2),
        }
    ),
    max_size=25,
    unique_by=lambda row: row["id"],
)
sort_keys = st.fixed_dictionaries(
    {
        "field": st.sampled_from(["made", "id", "text", "meta.x", "meta.y"]),
        "direction": st.sampled_from(["asc", "desc"]),
    }
)
bodies = st.fixed_dictionaries(
    {},
    optional={
        "search": st.sampled_from(["", "a", "A*b", "*"]),
        "filters": st.one_of(
            st.builds(lambda value: {"meta.x": value}, values),
            st.builds(lambda minimum: {"field": "made", "operator": "gte", "value": minimum}, st.integers(0, 4)),
            st.just({"NOT": [{"field": "meta.y", "operator": "exists", "value": True}]}),
        ),
        "sorts": st.lists(sort_keys, max_size=3),
        "case_sensitive": st.booleans(),
    },
)


def read(body: Row, page: PageRequest) -> ListQuery:
    return read_list(page, body, default=DEFAULT, scope="rows")


def matches(row: Row, query: ListQuery) -> bool:
    found = query.search is None or query.search.matches(RESOURCE.texts(row))
    return found and (query.filter is None or query.filter.matches(row))


def ordered(rows: list[Row], query: ListQuery) -> list[Row]:
    """Returns the rows that a list must contain, in order."""
    found = [row for row in rows if matches(row, query)]
    return sorted(
        found, key=lambda row: sorting.sort_position(sorting.position(row, query.sorts, row["id"]), query.sorts)
    )


def pages(rows: list[Row], body: Row, limit: int, *, in_order: bool) -> Iterator[ListPage[Row]]:
    """Yields all pages, by cursor."""
    cursor = None
    while True:
        query = read(body, PageRequest(limit, cursor=cursor))
        given_rows = ordered(rows, read(body, PageRequest(limit))) if in_order else rows
        page = select_page(given_rows, query, RESOURCE, ordered=in_order)
        yield page
        cursor = page.next_cursor
        if cursor is None:
            return


@given(rows_, bodies, st.integers(1, 7), st.booleans(), st.booleans())
def test_pages_by_cursor_make_up_the_entire_list_and_each_counts_all_of_it(
    rows: list[Row], body: Row, limit: int, in_order: bool, capped: bool
) -> None:
    expected = ordered(rows, read(body, PageRequest(limit)))
    max_bytes = SMALL_PAGE_BYTES if capped else limits.MAX_PAGE_BYTES

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(query_module, "MAX_PAGE_BYTES", max_bytes)
        walked = list(pages(rows, body, limit, in_order=in_order))

    assert [row for page in walked for row in page.rows] == expected
    assert {page.total for page in walked} == {len(expected)}
    assert all(page.rows for page in walked[1:])
    assert all(len(page.rows) == 1 or sum(row["size"] for row in page.rows) <= max_bytes for page in walked)
    if not capped:
        assert all(len(page.rows) == limit for page in walked[:-1])


@given(rows_, bodies, st.integers(1, 7), st.integers(0, 30), st.booleans())
def test_a_page_by_offset_is_a_slice_of_the_entire_list(
    rows: list[Row], body: Row, limit: int, offset: int, in_order: bool
) -> None:
    query = read(body, PageRequest(limit, offset))
    expected = ordered(rows, query)

    page = select_page(expected if in_order else rows, query, RESOURCE, ordered=in_order)

    assert (page.rows, page.total) == (expected[offset : offset + limit], len(expected))
    assert (page.next_cursor is None) == (offset + limit >= len(expected) or not page.rows)


@given(rows_, bodies)
def test_on_match_is_called_once_for_every_match_for_any_page(rows: list[Row], body: Row) -> None:
    matched: list[Row] = []
    query = read(body, PageRequest(1))

    select_page(rows, query, RESOURCE, ordered=False, on_match=matched.append)

    assert matched == [row for row in rows if matches(row, query)]


@given(rows_, st.integers(1, 7))
def test_deleted_and_created_rows_do_not_move_the_other_rows(rows: list[Row], limit: int) -> None:
    body = {"sorts": [{"field": "meta.x"}]}
    first = select_page(rows, read(body, PageRequest(limit)), RESOURCE, ordered=False)
    if first.next_cursor is None:
        return
    remaining = [row for row in rows if row not in first.rows]
    new = {**first.rows[0], "id": first.rows[0]["id"] + "0"}

    rest = select_page(
        [*remaining, new], read(body, PageRequest(100, cursor=first.next_cursor)), RESOURCE, ordered=False
    )

    assert [row for row in rest.rows if row is not new] == ordered(remaining, read(body, PageRequest(limit)))


def many(count: int) -> list[Row]:
    return [{"id": f"{number:03}", "text": "", "made": number, "size": 1, "meta": {}} for number in range(count)]


def test_only_one_row_after_the_page_is_read() -> None:
    rows = iter(many(100))

    page = take_page(rows, read({}, PageRequest(5)), RESOURCE, total=100)

    assert (len(page.rows), next(rows)["id"]) == (5, "006")


def test_too_many_rows_to_sort_are_an_error_unless_they_come_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(query_module, "MAX_SORTED_ROWS", 10)
    query = read({}, PageRequest(3))

    assert select_page(many(10), query, RESOURCE, ordered=False).total == 10
    assert select_page(many(11), query, RESOURCE, ordered=True).total == 11
    with pytest.raises(SortTooLarge):
        select_page(many(11), query, RESOURCE, ordered=False)
