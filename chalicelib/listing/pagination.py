"""Pagination: which page a list request asks for, and the pagination part of the response."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from chalicelib.core.errors import BadRequest
from chalicelib.core.record import record
from chalicelib.listing.limits import MAX_OFFSET, MAX_QUERY_OFFSET, MAX_SORTED_ROWS

if TYPE_CHECKING:
    from chalicelib.listing.models import PageQuery, PaginationResponse

CURSOR_PARAMETERS = ("cursor", "next_cursor", "after")
PARAMETERS = ("limit", "page_size", "offset", "page", *CURSOR_PARAMETERS, "include_total")


class SortTooLarge(BadRequest):
    """The matching rows are too many or too large to be sorted by a field that no index orders."""

    message = (
        f"More than {MAX_SORTED_ROWS} rows match, too many to be sorted by a field that no index orders; "
        "narrow filters or search, or leave out sort"
    )
    code = "sort_too_large"


class ListTooLong(BadRequest):
    """Too many rows may match: the request cannot evaluate all of them."""

    message = (
        "There are too many rows to evaluate all of them in one request; "
        "for buckets, name an id or the start of a name in filters, or leave out filters, search and sort"
    )
    code = "walk_too_long"

    def __init__(self, message: str | None = None, **limits: int) -> None:
        parameters: dict[str, Any] = {"parameters": ["filters", "search", "sort"]}
        super().__init__(message, details=parameters | limits)


@record
class PageRequest:
    """The requested page. `offset` is 0 if there is a cursor.

    `is_set_by_body` says that the body has the offset or the cursor. Clients send the same body with the links of the
    response, and the body takes precedence over them. So if the body has an offset, the links contain a cursor, and if
    it has a cursor, there are no links.
    """

    limit: int
    offset: int = 0
    cursor: str | None = None
    include_total: bool = False
    is_set_by_body: bool = False


def page_request(query: PageQuery | None, body: Mapping[str, Any], *, default_limit: int) -> PageRequest:
    """Returns the page that query string and body ask for.

    A value in the body takes precedence over the same value in the query string, `limit` over `page_size`, `offset`
    over `page`, a cursor over both, and `cursor` over its aliases. Null values count as absent.
    """
    given = {name: getattr(query, name) for name in PARAMETERS} if query is not None else {}
    # Aliases count as the same value: `page_size` in the body takes precedence over `limit` in the query string.
    limit = _first(body, "limit", "page_size") or _first(given, "limit", "page_size") or default_limit
    include_total = _first(body, "include_total")
    if include_total is None:
        include_total = _first(given, "include_total") or False
    body_cursor = _first(body, *CURSOR_PARAMETERS)
    cursor = body_cursor if body_cursor is not None else _first(given, *CURSOR_PARAMETERS)
    if cursor is not None:
        return PageRequest(limit, 0, cursor, include_total, is_set_by_body=body_cursor is not None)
    body_offset = _offset(body, limit)
    offset = _offset(given, limit) if body_offset is None else body_offset
    offset = min(offset or 0, MAX_OFFSET)
    return PageRequest(limit, offset, None, include_total, is_set_by_body=body_offset is not None)


def pagination(
    request: PageRequest,
    *,
    path: str,
    returned: int,
    total: int,
    next_cursor: str | None,
    query_parameters: Mapping[str, Any] | None = None,
    by_offset: bool = True,
) -> PaginationResponse:
    """Returns the pagination part of a response.

    `returned` is the number of rows on this page, which may be less than the limit, and `total` the number on all
    pages. Links consist of the path and a query string that repeats `query_parameters`. They contain an offset; if
    that exceeds `MAX_QUERY_OFFSET` or `by_offset` is false, the next link contains the cursor instead.
    """
    by_cursor = request.cursor is not None
    link = _Link(path, request, query_parameters or {}, by_offset)
    return {
        "total": total if request.include_total else None,
        "page": None if by_cursor else request.offset // request.limit + 1,
        "page_size": request.limit,
        "total_pages": -(-total // request.limit) if request.include_total else None,
        "next_page": link.next(returned, next_cursor),
        "previous_page": link.previous(),
        "next_cursor": next_cursor,
    }


def _first(given: Mapping[str, Any], *names: str) -> Any:
    return next((given[name] for name in names if given.get(name) is not None), None)


def _offset(given: Mapping[str, Any], limit: int) -> int | None:
    offset: int | None = given.get("offset")
    page: int | None = given.get("page")
    if offset is None and page is not None:
        return (page - 1) * limit
    return offset


@record
class _Link:
    """Makes the links of one response."""

    path: str
    request: PageRequest
    query_parameters: Mapping[str, Any]
    by_offset: bool

    def next(self, returned: int, next_cursor: str | None) -> str | None:
        request = self.request
        if next_cursor is None or (request.is_set_by_body and request.cursor is not None):
            return None
        offset = request.offset + returned
        # The offset after an empty page would be that of the same page.
        by_offset = self.by_offset and returned and not request.is_set_by_body and request.cursor is None
        if not by_offset or offset > MAX_QUERY_OFFSET:
            return self._to(cursor=next_cursor)
        return self._to(offset=offset)

    def previous(self) -> str | None:
        offset = max(0, self.request.offset - self.request.limit)
        by_offset = self.request.cursor is None and not self.request.is_set_by_body
        if not by_offset or not self.request.offset or offset > MAX_QUERY_OFFSET:
            return None
        return self._to(offset=offset)

    def _to(self, **start: Any) -> str:
        total = {"include_total": "true"} if self.request.include_total else {}
        repeated = {name: value for name, value in self.query_parameters.items() if value is not None}
        return f"{self.path}?{urlencode({**repeated, 'limit': self.request.limit, **start, **total})}"
