"""Which rows stay in memory while a whole list is walked for one page of it.

A row may hold 300 KB, so it is not enough to count them: behind the page only one row is kept, and the
page ends where an answer is full.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from operator import itemgetter
from typing import Any, Generic, TypeVar

from chalicelib.listing.limits import MAX_SKIPPED_BYTES
from chalicelib.listing.pagination import SortTooLarge

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class PageBuffer(Generic[R]):
    """A page: how many rows come before it, how many rows and bytes it may hold, how large a row is."""

    offset: int
    limit: int
    max_bytes: int
    size: Callable[[R], int]

    def of_ordered(self, rows: Iterable[R]) -> list[R]:
        """The page and the row behind it. All rows are walked."""
        rest = iter(rows)
        kept = list(self._needed(islice(rest, self.offset, None)))
        deque(rest, maxlen=0)
        return kept

    def of_unordered(self, placed: Iterable[tuple[Any, R]]) -> list[R]:
        """The same of rows that come with their places, in no order.

        Raises SortTooLarge where the rows before the page are too large to be kept.
        """
        kept: list[tuple[Any, R]] = []
        last, fresh = None, 0
        for place, row in placed:
            if last is not None and last < place:
                continue
            kept.append((place, row))
            fresh += self.size(row)
            if fresh > self.max_bytes or len(kept) > 2 * (self.offset + self.limit + 1):
                count, kept, fresh = len(kept), self._first(kept), 0
                # Rows only come in between, so what is behind the page once is behind it ever after.
                last = kept[-1][0] if len(kept) < count else last
        return [row for _, row in self._first(kept)[self.offset :]]

    def _first(self, placed: list[tuple[Any, R]]) -> list[tuple[Any, R]]:
        """The rows up to the one behind the page, in order."""
        placed.sort(key=itemgetter(0))
        skipped = placed[: self.offset]
        if sum(self.size(row) for _, row in skipped) > MAX_SKIPPED_BYTES:
            raise SortTooLarge(
                "The rows before the page are too large to be sorted; leave out offset and page, follow next_cursor",
                details={"parameters": ["offset", "page"], "max_bytes": MAX_SKIPPED_BYTES},
            )
        behind = len(list(self._needed(row for _, row in placed[self.offset :])))
        return placed[: self.offset + behind]

    def _needed(self, rows: Iterable[R]) -> Iterator[R]:
        room = self.max_bytes
        for count, row in enumerate(rows):
            yield row
            room -= self.size(row)
            if count == self.limit or (count and room < 0):
                return
