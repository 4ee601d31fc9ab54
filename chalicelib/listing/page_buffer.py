"""Collects one page of a list in bounded memory while all rows of the list are read.

A row may have 300 KB, so both the number and the size of the kept rows are limited. Only one row after the page is
kept: it shows that another page follows.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from operator import itemgetter
from typing import Any, Generic, TypeVar

from chalicelib.core.record import record
from chalicelib.listing.limits import MAX_SKIPPED_BYTES
from chalicelib.listing.pagination import SortTooLarge

R = TypeVar("R")


@record
class PageBuffer(Generic[R]):
    """Collects the page that starts after `offset` rows and has at most `limit` rows and `max_bytes` bytes.

    `size` returns the bytes of a row on the page, and `held` those in memory if they differ. A page has at least one
    row, of any size.
    """

    offset: int
    limit: int
    max_bytes: int
    size: Callable[[R], int]
    held: Callable[[R], int] | None = None

    def from_ordered(self, rows: Iterable[R]) -> list[R]:
        """Returns the page and the row after it. Reads all rows."""
        remaining = iter(rows)
        kept = list(self._page_and_next(islice(remaining, self.offset, None)))
        deque(remaining, maxlen=0)
        return kept

    def from_unordered(self, positioned: Iterable[tuple[Any, R]]) -> list[R]:
        """Returns the page and the row after it, from pairs of sort position and row in any order. Reads all rows.

        Raises SortTooLarge if the rows before the page are too large to keep.
        """
        kept: list[tuple[Any, R]] = []
        last, added_bytes = None, 0
        for position, row in positioned:
            if last is not None and last < position:
                continue
            kept.append((position, row))
            added_bytes += self.size(row)
            if added_bytes > self.max_bytes or len(kept) > 2 * (self.offset + self.limit + 1):
                count, kept, added_bytes = len(kept), self._first(kept), 0
                # Later rows can only move a row towards the end. So a row after the page never becomes part of it.
                last = kept[-1][0] if len(kept) < count else last
        return [row for _, row in self._first(kept)[self.offset :]]

    def _first(self, positioned: list[tuple[Any, R]]) -> list[tuple[Any, R]]:
        """Returns, in order, the rows before the page, the rows of the page, and the row after it."""
        positioned.sort(key=itemgetter(0))
        skipped = positioned[: self.offset]
        held = self.held or self.size
        if sum(held(row) for _, row in skipped) > MAX_SKIPPED_BYTES:
            raise SortTooLarge(
                "The rows before the page are too large to be sorted; leave out offset and page, follow next_cursor",
                details={"parameters": ["offset", "page"], "max_bytes": MAX_SKIPPED_BYTES},
            )
        kept = len(list(self._page_and_next(row for _, row in positioned[self.offset :])))
        return positioned[: self.offset + kept]

    def _page_and_next(self, rows: Iterable[R]) -> Iterator[R]:
        remaining_bytes = self.max_bytes
        for count, row in enumerate(rows):
            yield row
            remaining_bytes -= self.size(row)
            if count == self.limit or (count and remaining_bytes < 0):
                return
