"""Lists: one evaluator of search, filters, sorts, pages and cursors for every noun.

A room brings rows and says how one is shown; everything else is decided here. Rows are asked for one
more than the page, so that the cursor is built from the last row returned and never from a hint of
the database.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from chalicelib.listing import cursors, sorting
from chalicelib.listing.filters.tree import Filter, read_filter
from chalicelib.listing.limits import MAX_PAGE_BYTES, MAX_SORTED_ROWS
from chalicelib.listing.page_buffer import PageBuffer
from chalicelib.listing.pagination import PageRequest, SortTooLarge
from chalicelib.listing.search import Search, read_search
from chalicelib.listing.sorting import SortKey, read_sorts

R = TypeVar("R")
Shown = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ListQuery:
    """What a list asks for, read and checked."""

    page: PageRequest
    filter: Filter | None
    search: Search | None
    sorts: tuple[SortKey, ...]
    fingerprint: str
    after: list[Any] | None

    @property
    def is_plain(self) -> bool:
        """Whether every row matches."""
        return self.filter is None and self.search is None


@dataclass(frozen=True, slots=True)
class ListPage(Generic[R]):
    """The rows of a page, whether more follow, and how many match in all."""

    rows: list[R]
    next_cursor: str | None
    total: int


@dataclass(frozen=True, slots=True)
class WalkPosition:
    """Where a walk stands with a row that may have moved meanwhile: what a cursor behind the row holds, and
    whether an earlier page has given the row out."""

    position: list[Any]
    is_passed: bool


@dataclass(frozen=True, slots=True)
class ListedResource(Generic[R]):
    """How a noun is listed: its identity, how it is shown, what a search reads, how large it is.

    Rows that come in order may tell their own `spot`, which otherwise is what they show.
    """

    id: Callable[[R], str]
    show: Callable[[R], Shown]
    texts: Callable[[R], Iterable[str]]
    size: Callable[[R], int]
    spot: Callable[[R], WalkPosition] | None = None


def read_list(page: PageRequest, given: Mapping[str, Any], *, default: Sequence[SortKey], scope: str) -> ListQuery:
    """The query in a list body (`search`, `filters`, `sort`, `sorts`, `case_sensitive`).

    `scope` names what is listed; a cursor is good only for the same scope, search, filters and sorts.
    Raises RequestInvalid, or CursorInvalid for a cursor that is garbage or another query's.
    """
    case_sensitive = bool(given.get("case_sensitive"))
    raw = given.get("filters")
    filter_ = read_filter(raw, case_sensitive=case_sensitive) if raw else None
    search = read_search(given.get("search"), case_sensitive=case_sensitive)
    sorts = read_sorts(given.get("sort"), given.get("sorts"), case_sensitive=case_sensitive) or tuple(default)
    words = [given.get("search"), raw, [[key.field, key.descending] for key in sorts], case_sensitive]
    fingerprint = cursors.fingerprint(scope, *words)
    after = cursors.decode(page.cursor, query=fingerprint) if page.cursor is not None else None
    if after is not None and len(after) != len(sorts) + 1:
        raise cursors.CursorInvalid()
    return ListQuery(page, filter_, search, sorts, fingerprint, after)


def matching(rows: Iterable[R], query: ListQuery, kind: ListedResource[R]) -> Iterator[R]:
    """The rows that the search and the filter let through."""
    for row in rows:
        if query.search is not None and not query.search.matches(kind.texts(row)):
            continue
        if query.filter is not None and not query.filter.matches(kind.show(row)):
            continue
        yield row


def select_page(
    rows: Iterable[R],
    query: ListQuery,
    kind: ListedResource[R],
    *,
    ordered: bool,
    bounded: bool = True,
    on_match: Callable[[R], None] = lambda row: None,
) -> ListPage[R]:
    """The page of a list whose rows must all be walked, in one pass.

    `ordered` says that the rows already come in the order asked for. `on_match` is called with every match.
    Raises SortTooLarge where they do not and, if `bounded`, more than `MAX_SORTED_ROWS` match.
    """
    walk = _Walk(query, kind, on_match, bounded=bounded and not ordered)
    window = PageBuffer(query.page.offset, query.page.limit, MAX_PAGE_BYTES, kind.size)
    counted = walk.matches(rows)
    kept = window.of_ordered(row for _, row in counted) if ordered else window.of_unordered(counted)
    return take_page(kept, query, kind, total=walk.total)


def take_page(rows: Iterable[R], query: ListQuery, kind: ListedResource[R], *, total: int) -> ListPage[R]:
    """At most a page of these rows, and of answer bytes; the cursor, if any are left, is of the last one.

    Only the row behind the page is asked for, and none after it.
    """
    page: list[R] = []
    room = MAX_PAGE_BYTES
    for row in rows:
        room -= kind.size(row)
        if len(page) == query.page.limit or (page and room < 0):
            return ListPage(page, _cursor(page[-1], query, kind), total)
        page.append(row)
    return ListPage(page, None, total)


def _cursor(row: R, query: ListQuery, kind: ListedResource[R]) -> str:
    position = kind.spot(row).position if kind.spot else _position(row, query, kind)
    return cursors.encode(position, query=query.fingerprint)


def _position(row: R, query: ListQuery, kind: ListedResource[R]) -> list[Any]:
    return sorting.position(kind.show(row), query.sorts, kind.id(row))


class _Walk(Generic[R]):
    """One pass over the rows: counts all matches, passes on those after the cursor."""

    def __init__(
        self, query: ListQuery, kind: ListedResource[R], on_match: Callable[[R], None], *, bounded: bool
    ) -> None:
        self._query, self._kind, self._seen, self._bounded = query, kind, on_match, bounded
        self.total = 0

    def matches(self, rows: Iterable[R]) -> Iterator[tuple[Any, R]]:
        query, kind = self._query, self._kind
        after = sorting.key(query.after, query.sorts) if query.after is not None else None
        for row in matching(rows, query, kind):
            self.total += 1
            if self._bounded and self.total > MAX_SORTED_ROWS:
                raise SortTooLarge(details={"parameters": ["sort"], "max_matches": MAX_SORTED_ROWS})
            self._seen(row)
            place = sorting.key(_position(row, query, kind), query.sorts)
            if after is None or (after < place if kind.spot is None else not kind.spot(row).is_passed):
                yield place, row
