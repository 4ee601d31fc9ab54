from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.errors import RequestInvalid
from chalicelib.http.parsing import read_query
from chalicelib.listing.limits import MAX_OFFSET, MAX_QUERY_OFFSET
from chalicelib.listing.models import PageBody, PageQuery, PaginationResponse
from chalicelib.listing.pagination import PageRequest, page_request, pagination


def requested(query: str = "", /, **body: Any) -> PageRequest:
    return page_request(read_query(parse_qs(query, keep_blank_values=True), PageQuery), body, default_limit=10)


def paginated(
    request: PageRequest, *, returned: int = 10, total: int = 95, more: bool = True, **query_parameters: Any
) -> PaginationResponse:
    next_cursor = "more" if more else None
    return pagination(
        request,
        path="/v1/things",
        returned=returned,
        total=total,
        next_cursor=next_cursor,
        query_parameters=query_parameters,
    )


def link(url: str | None) -> dict[str, str]:
    assert url is not None
    assert url.startswith("/v1/things?")
    return dict(parse_qsl(urlsplit(url).query))


@pytest.mark.parametrize(
    ("query", "body", "limit", "offset", "cursor"),
    [
        ("", {}, 10, 0, None),
        ("limit=5", {}, 5, 0, None),
        ("page_size=5", {}, 5, 0, None),
        ("limit=5&page_size=7", {}, 5, 0, None),
        ("limit=5", {"limit": 6}, 6, 0, None),
        ("limit=5", {"page_size": 6}, 6, 0, None),
        ("page_size=5", {"page_size": None}, 5, 0, None),
        ("offset=20", {}, 10, 20, None),
        ("page=3", {}, 10, 20, None),
        ("page=3&limit=7", {}, 7, 14, None),
        ("page=3&offset=1", {}, 10, 1, None),
        ("page=3&offset=0", {}, 10, 0, None),
        ("offset=5", {"offset": 0}, 10, 0, None),
        ("offset=5", {"page": 2}, 10, 10, None),
        ("page=5", {"offset": 3}, 10, 3, None),
        ("limit=7", {"page": 2}, 7, 7, None),
        ("", {"page": 2, "offset": 3, "page_size": 4}, 4, 3, None),
        ("", {"offset": 50_000}, 10, 50_000, None),
        ("", {"offset": 10**40}, 10, MAX_OFFSET, None),
        ("cursor=a&next_cursor=b&after=c", {}, 10, 0, "a"),
        ("next_cursor=b&after=c", {}, 10, 0, "b"),
        ("after=c", {}, 10, 0, "c"),
        ("cursor=", {}, 10, 0, ""),
        ("cursor=a&offset=5&page=2", {}, 10, 0, "a"),
        ("cursor=a", {"offset": 5}, 10, 0, "a"),
        ("cursor=a", {"after": "b"}, 10, 0, "b"),
        ("offset=5", {"cursor": "b", "page_size": 100}, 100, 0, "b"),
        ("cursor=a", {"cursor": None, "next_cursor": None, "after": None}, 10, 0, "a"),
    ],
)
def test_several_values_have_an_order_of_precedence(
    query: str, body: dict[str, Any], limit: int, offset: int, cursor: str | None
) -> None:
    request = requested(query, **body)
    assert (request.limit, request.offset, request.cursor) == (limit, offset, cursor)


@pytest.mark.parametrize(
    ("query", "body", "expected"),
    [
        ("", {}, False),
        ("include_total=true", {}, True),
        ("include_total=1", {}, True),
        ("include_total=false", {}, False),
        ("", {"include_total": True}, True),
        ("include_total=true", {"include_total": False}, False),
        ("include_total=false", {"include_total": True}, True),
        ("include_total=true", {"include_total": None}, True),
    ],
)
def test_totals_are_requested_in_query_or_body(query: str, body: dict[str, Any], expected: bool) -> None:
    assert requested(query, **body).include_total is expected


def test_a_list_without_a_query_string_has_the_given_default() -> None:
    assert page_request(None, {}, default_limit=100) == PageRequest(100)


@pytest.mark.parametrize(
    ("query", "name", "type_"),
    [
        ("limit=0", "limit", "greater_than_equal"),
        ("limit=1001", "limit", "less_than_equal"),
        ("limit=x", "limit", "int_parsing"),
        ("page_size=0", "page_size", "greater_than_equal"),
        ("page_size=1001", "page_size", "less_than_equal"),
        ("offset=-1", "offset", "greater_than_equal"),
        ("offset=10001", "offset", "less_than_equal"),
        ("page=0", "page", "greater_than_equal"),
        ("include_total=maybe", "include_total", "bool_parsing"),
        ("skip=5", "skip", "extra_forbidden"),
        ("limit=1&limit=2", "limit", "repeated"),
    ],
)
def test_an_invalid_value_is_named(query: str, name: str, type_: str) -> None:
    with pytest.raises(RequestInvalid) as caught:
        requested(query)
    problem = caught.value.problems[0]
    assert (problem.location, problem.type) == (("query", name), type_)


def test_query_and_body_have_the_same_parameters() -> None:
    assert PageQuery.model_fields.keys() == PageBody.model_fields.keys()


def test_every_response_has_all_seven_keys() -> None:
    assert paginated(requested()).keys() == PaginationResponse.__annotations__.keys()
    assert paginated(requested("cursor=a"), more=False).keys() == PaginationResponse.__annotations__.keys()


def test_totals_are_returned_only_on_request() -> None:
    page = paginated(requested("limit=10"))
    assert (page["total"], page["total_pages"], page["page"], page["page_size"]) == (None, None, 1, 10)
    page = paginated(requested("limit=10&include_total=true"))
    assert (page["total"], page["total_pages"]) == (95, 10)
    page = paginated(requested("include_total=true"), returned=0, total=0, more=False)
    assert (page["total"], page["total_pages"]) == (0, 0)


def test_a_page_has_a_number_only_without_a_cursor() -> None:
    assert paginated(requested("page=3"))["page"] == 3
    assert paginated(requested("offset=25"))["page"] == 3
    page = paginated(requested("cursor=a&limit=7"))
    assert (page["page"], page["page_size"]) == (None, 7)


def test_the_last_page_has_no_link_to_a_next_page() -> None:
    page = paginated(requested("offset=90"), returned=5, more=False)
    assert (page["next_page"], page["next_cursor"]) == (None, None)


def test_links_contain_the_offset_of_the_next_and_the_previous_page() -> None:
    page = paginated(requested("page=3&limit=10"))
    assert link(page["next_page"]) == {"limit": "10", "offset": "30"}
    assert link(page["previous_page"]) == {"limit": "10", "offset": "10"}
    assert paginated(requested())["previous_page"] is None
    assert link(paginated(requested("offset=3"))["previous_page"])["offset"] == "0"


def test_the_next_link_counts_the_returned_rows() -> None:
    assert link(paginated(requested("offset=20&limit=10"), returned=4)["next_page"])["offset"] == "24"


def test_after_an_empty_page_the_link_contains_the_cursor() -> None:
    assert link(paginated(requested("offset=20"), returned=0)["next_page"]) == {"limit": "10", "cursor": "more"}


def test_links_contain_the_cursor_beyond_the_maximum_offset() -> None:
    assert link(paginated(requested(f"offset={MAX_QUERY_OFFSET - 10}"))["next_page"])["offset"] == str(MAX_QUERY_OFFSET)
    assert link(paginated(requested(f"offset={MAX_QUERY_OFFSET - 9}"))["next_page"]) == {
        "limit": "10",
        "cursor": "more",
    }
    assert link(paginated(requested("page=1002"))["previous_page"])["offset"] == "10000"
    assert paginated(requested("page=1003"))["previous_page"] is None


def test_links_contain_the_cursor_if_by_offset_is_false() -> None:
    for query in ("limit=10", "offset=20"):
        page = pagination(
            requested(query), path="/v1/things", returned=10, total=0, next_cursor="more", by_offset=False
        )
        assert link(page["next_page"]) == {"limit": "10", "cursor": "more"}


def test_a_page_by_cursor_has_no_link_to_the_previous_page() -> None:
    page = paginated(requested("cursor=a"))
    assert link(page["next_page"]) == {"limit": "10", "cursor": "more"}
    assert page["previous_page"] is None


def test_links_repeat_the_other_query_parameters() -> None:
    page = paginated(requested("include_total=true&offset=10"), search="ä & b", view=None)
    assert link(page["next_page"]) == {"search": "ä & b", "limit": "10", "offset": "20", "include_total": "true"}


# All parameters that select a page. The same body is sent with every link.
page_parameters: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {}, optional={"limit": st.integers(1, 30), "page": st.integers(1, 3), "offset": st.integers(0, 20)}
)


@given(st.integers(0, 60), page_parameters, page_parameters, st.integers(1, 9), st.booleans())
def test_following_links_with_the_same_body_returns_each_row_once(
    rows: int, query: dict[str, int], body: dict[str, int], at_most: int, by_cursor: bool
) -> None:
    """The pages of this service may be shorter than the limit, and its cursors are numbers of rows."""
    if by_cursor:
        query = {**query, "cursor": 0}
    query_string = "&".join(f"{name}={value}" for name, value in query.items())
    start = requested(query_string, **body)
    seen: list[int] = []
    while True:
        request = requested(query_string, **body)
        start_of_page = int(request.cursor) if request.cursor is not None else request.offset
        rows_of_page = list(range(rows))[start_of_page : start_of_page + min(request.limit, at_most)]
        seen += rows_of_page
        more = start_of_page + len(rows_of_page) < rows
        shown = paginated(request, returned=len(rows_of_page), total=rows, more=False)
        if more:
            shown = pagination(
                request,
                path="/v1/things",
                returned=len(rows_of_page),
                total=rows,
                next_cursor=str(start_of_page + len(rows_of_page)),
            )
        if shown["next_page"] is None:
            break
        query_string = urlsplit(shown["next_page"]).query
    assert seen == list(range(rows))[start.offset :]


def test_a_cursor_in_the_body_would_override_any_link_so_there_is_none() -> None:
    page = paginated(requested(cursor="a"))
    assert (page["next_page"], page["next_cursor"]) == (None, "more")
