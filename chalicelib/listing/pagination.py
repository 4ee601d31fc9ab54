"""Pages: what a list request says about them, and what the answer says back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from chalicelib.core.errors import BadRequest
from chalicelib.listing.limits import MAX_OFFSET, MAX_QUERY_OFFSET, MAX_SORTED_ROWS

if TYPE_CHECKING:
    from chalicelib.listing.models import PageQuery, PaginationResponse

CURSOR_PARAMETERS = ("cursor", "next_cursor", "after")
VALUES = ("limit", "page_size", "offset", "page", *CURSOR_PARAMETERS, "include_total")


class SortTooLarge(BadRequest):
    """More or larger rows match than can be sorted by a field that no index orders."""

    message = (
        f"More than {MAX_SORTED_ROWS} rows match, too many to be sorted by a field that no index orders; "
        "narrow filters or search, or leave out sort"
    )
    code = "sort_too_large"


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which page is asked for. With a cursor, `offset` is 0.

    What the body says (`is_fixed`) wins over any link followed with the same body: with an offset there,
    links go on by cursor only, and with a cursor there, nothing but `next_cursor` goes on.
    """

    limit: int
    offset: int = 0
    cursor: str | None = None
    include_total: bool = False
    is_fixed: bool = False


def page_request(query: PageQuery | None, body: Mapping[str, Any], *, default_limit: int) -> PageRequest:
    """The page that query string and body ask for together.

    A value of the body wins over the same value of the query; `limit` wins over `page_size`, `offset`
    over `page`, a cursor over both, and `cursor` over its aliases. Absent and null mean the same.
    """
    given = {name: getattr(query, name) for name in VALUES} if query is not None else {}
    # The aliases of one thing must not let the query win: a body's page_size beats a query's limit.
    limit = _first(body, "limit", "page_size") or _first(given, "limit", "page_size") or default_limit
    include_total = _first(body, "include_total")
    if include_total is None:
        include_total = _first(given, "include_total") or False
    own = _first(body, *CURSOR_PARAMETERS)
    cursor = own if own is not None else _first(given, *CURSOR_PARAMETERS)
    if cursor is not None:
        return PageRequest(limit, 0, cursor, include_total, is_fixed=own is not None)
    fixed = _offset(body, limit)
    offset = _offset(given, limit) if fixed is None else fixed
    return PageRequest(limit, min(offset or 0, MAX_OFFSET), None, include_total, is_fixed=fixed is not None)


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
    """What an answer says about its page, which may be shorter than asked for.

    Links are relative: the path and a query string, in which `query_parameters` are repeated. They count the rows
    really returned, and go on by cursor where offsets end, or lead less far (`by_offset` false).
    """
    by_cursor = request.cursor is not None
    counted = request.include_total
    link = _Link(path, request, query_parameters or {}, by_offset)
    return {
        "total": total if counted else None,
        "page": None if by_cursor else request.offset // request.limit + 1,
        "page_size": request.limit,
        "total_pages": -(-total // request.limit) if counted else None,
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


@dataclass(frozen=True, slots=True)
class _Link:
    """The links of one answer."""

    path: str
    request: PageRequest
    query_parameters: Mapping[str, Any]
    by_offset: bool

    def next(self, returned: int, next_cursor: str | None) -> str | None:
        request = self.request
        if next_cursor is None or (request.is_fixed and request.cursor is not None):
            return None
        offset = request.offset + returned
        # After an empty page that has a cursor, the same offset would give the same page.
        by_offset = self.by_offset and returned and not request.is_fixed and request.cursor is None
        if not by_offset or offset > MAX_QUERY_OFFSET:
            return self._to(cursor=next_cursor)
        return self._to(offset=offset)

    def previous(self) -> str | None:
        offset = max(0, self.request.offset - self.request.limit)
        by_offset = self.request.cursor is None and not self.request.is_fixed
        if not by_offset or not self.request.offset or offset > MAX_QUERY_OFFSET:
            return None
        return self._to(offset=offset)

    def _to(self, **place: Any) -> str:
        total = {"include_total": "true"} if self.request.include_total else {}
        query_parameters = {name: value for name, value in self.query_parameters.items() if value is not None}
        return f"{self.path}?{urlencode({**query_parameters, 'limit': self.request.limit, **place, **total})}"
