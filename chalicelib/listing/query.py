"""Lists of any resource: search, filters, sorts, pages and cursors.

A package supplies the rows of its resource and describes them with a ListedResource. One row more than the page is
read, and the cursor is made from the last row returned, not from the database's own continuation key.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Generic, TypeVar

from chalicelib.core.record import record
from chalicelib.listing import cursors, sorting
from chalicelib.listing.filters.tree import Filter, read_filter
from chalicelib.listing.limits import MAX_PAGE_BYTES, MAX_SORTED_ROWS
from chalicelib.listing.page_buffer import PageBuffer
from chalicelib.listing.pagination import PageRequest, SortTooLarge
from chalicelib.listing.search import Search, read_search
from chalicelib.listing.sorting import SortKey, read_sorts

R = TypeVar("R")
Shown = Mapping[str, Any]


@record
class ListQuery:
    """A checked list request. `after` is the position in its cursor, if it has one."""

    page: PageRequest
    filter: Filter | None
    search: Search | None
    sorts: tuple[SortKey, ...]
    fingerprint: str
    after: list[Any] | None

    @property
    def fields(self) -> frozenset[str]:
        """The fields at the root of a row that the filter and the sorts read."""
        paths = [*(self.filter.paths() if self.filter else ()), *(sort.field for sort in self.sorts)]
        return frozenset(path.partition(".")[0] for path in paths)

    @property
    def is_plain(self) -> bool:
        """Whether every row matches, because there is neither a filter nor a search."""
        return self.filter is None and self.search is None


@record
class ListPage(Generic[R]):
    """The rows of a page, the cursor of the next page if there is one, and the number of rows on all pages."""

    rows: list[R]
    next_cursor: str | None
    total: int


@record
class WalkPosition:
    """The position of a row in a list in which rows can move while a client reads it page by page.

    `position` goes into a cursor after this row. `is_passed` says that an earlier page contained the row. `order`
    compares with that of other rows.
    """

    position: list[Any]
    is_passed: bool
    order: sorting.SortPosition


@record
class ListedResource(Generic[R]):
    """How rows of a resource are listed.

    `show` returns the response that filters and sorts read, `texts` the strings that a search reads, and `size` the
    bytes of the response. `walk_position` is optional: it replaces the position that is otherwise computed from the
    response. `held` returns the bytes that a row takes while others are read; `size` by default.
    """

    id: Callable[[R], str]
    show: Callable[[R], Shown]
    texts: Callable[[R], Iterable[str]]
    size: Callable[[R], int]
    walk_position: Callable[[R], WalkPosition] | None = None
    held: Callable[[R], int] | None = None


def read_list(
    page: PageRequest,
    given: Mapping[str, Any],
    *,
    default: Sequence[SortKey],
    scope: str,
    fields: Collection[str] | None = None,
) -> ListQuery:
    """Returns the query in a list body (`search`, `filters`, `sort`, `sorts`, `case_sensitive`).

    `fields` are the only fields that a row can have at its root; None if it can have any. A filter or sort by another
    one is an error.

    `default` sorts the rows of a request that has no sorts. `scope` names the list, for example `buckets` and the
    namespace. A cursor is valid only for the scope, search, filters and sorts that it was issued for.
    Raises RequestInvalid, and CursorInvalid for any other cursor.
    """
    case_sensitive = bool(given.get("case_sensitive"))
    raw = given.get("filters")
    filter_ = read_filter(raw, case_sensitive=case_sensitive, fields=fields) if raw else None
    search = read_search(given.get("search"), case_sensitive=case_sensitive)
    sorts = read_sorts(given.get("sort"), given.get("sorts"), case_sensitive=case_sensitive, fields=fields)
    sorts = sorts or tuple(default)
    parts = [given.get("search"), raw, [[key.field, key.descending] for key in sorts], case_sensitive]
    fingerprint = cursors.fingerprint(scope, *parts)
    after = cursors.decode(page.cursor, query=fingerprint) if page.cursor is not None else None
    if after is not None and len(after) != len(sorts) + 1:
        raise cursors.CursorInvalid()
    return ListQuery(page, filter_, search, sorts, fingerprint, after)


def matching(rows: Iterable[R], query: ListQuery, resource: ListedResource[R]) -> Iterator[R]:
    """Yields the rows that match the search and the filter."""
    for row in rows:
        if query.search is not None and not query.search.matches(resource.texts(row)):
            continue
        if query.filter is not None and not query.filter.matches(resource.show(row)):
            continue
        yield row


def select_page(
    rows: Iterable[R],
    query: ListQuery,
    resource: ListedResource[R],
    *,
    ordered: bool,
    bounded: bool = True,
    on_match: Callable[[R], None] = lambda row: None,
    find: Callable[[str], R | None] = lambda id: None,
) -> ListPage[R]:
    """Returns the page of a list after reading all of its rows once.

    `ordered` says that the rows already come in the requested order. `on_match` is called with every matching row.
    `find` returns the row with an id that comes from the client, or None. It is called if a cursor has only the start
    of a long text; rows that are ordered never have such cursors.
    Raises SortTooLarge if rows that are not ordered are `bounded` and more than `MAX_SORTED_ROWS` match, or if the
    rows before the page are too large to keep.
    """
    walk = _Walk(query, resource, on_match, find, bounded=bounded and not ordered)
    buffer = PageBuffer(query.page.offset, query.page.limit, MAX_PAGE_BYTES, resource.size, resource.held)
    matches = walk.matches(rows)
    kept = buffer.from_ordered(row for _, row in matches) if ordered else buffer.from_unordered(matches)
    return take_page(kept, query, resource, total=walk.total)


def take_page(rows: Iterable[R], query: ListQuery, resource: ListedResource[R], *, total: int) -> ListPage[R]:
    """Returns the page that starts with the first of these rows. It has a cursor if rows remain.

    The page has at most `limit` rows and `MAX_PAGE_BYTES` bytes, but at least one row. Only one row after the page is
    read.
    """
    page: list[R] = []
    remaining_bytes = MAX_PAGE_BYTES
    for row in rows:
        remaining_bytes -= resource.size(row)
        if len(page) == query.page.limit or (page and remaining_bytes < 0):
            return ListPage(page, _cursor(page[-1], query, resource), total)
        page.append(row)
    return ListPage(page, None, total)


def _cursor(row: R, query: ListQuery, resource: ListedResource[R]) -> str:
    walk_position = resource.walk_position
    position = walk_position(row).position if walk_position else _position(row, query, resource)
    return cursors.encode(sorting.shortened(position), query=query.fingerprint)


def _position(row: R, query: ListQuery, resource: ListedResource[R]) -> list[Any]:
    return sorting.position(resource.show(row), query.sorts, resource.id(row))


class _Walk(Generic[R]):
    """One pass over the rows. Counts all matching rows in `total` and yields those after the cursor."""

    def __init__(
        self,
        query: ListQuery,
        resource: ListedResource[R],
        on_match: Callable[[R], None],
        find: Callable[[str], R | None],
        *,
        bounded: bool,
    ) -> None:
        self._query, self._resource, self._on_match, self._find = query, resource, on_match, find
        self._bounded = bounded
        self.total = 0

    def matches(self, rows: Iterable[R]) -> Iterator[tuple[Any, R]]:
        """Yields sort position and row of each matching row after the cursor. Raises SortTooLarge."""
        query = self._query
        is_after = self._is_after(query.after) if query.after is not None else None
        for row in matching(rows, query, self._resource):
            self.total += 1
            if self._bounded and self.total > MAX_SORTED_ROWS:
                raise SortTooLarge(details={"parameters": ["sort"], "max_matches": MAX_SORTED_ROWS})
            self._on_match(row)
            order = self._order(row)
            if is_after is None or is_after(row, order):
                yield order, row

    def _order(self, row: R) -> sorting.SortPosition:
        if self._resource.walk_position is not None:
            return self._resource.walk_position(row).order
        return sorting.sort_position(_position(row, self._query, self._resource), self._query.sorts)

    def _is_after(self, cursor: list[Any]) -> Callable[[R, sorting.SortPosition], bool]:
        """Returns the function that says whether a row comes after the cursor."""
        walk_position = self._resource.walk_position
        if walk_position is not None:
            return lambda row, _: not walk_position(row).is_passed
        after = self._after(cursor)
        return lambda _, order: after < order

    def _after(self, cursor: list[Any]) -> sorting.SortPosition:
        row = self._find(cursor[-1]) if sorting.is_shortened(cursor) and isinstance(cursor[-1], str) else None
        current = _position(row, self._query, self._resource) if row is not None else None
        return sorting.resumed_position(cursor, current, self._query.sorts)
