"""Estimates how many more rows a page of a filtered list needs, so that several calls can read them at a time.

The estimate is made again before each read. It assumes one match more than was found, so it is rather too low than too
high: rows that are not read ahead cost time, and rows that are read in vain cost read units.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from chalicelib.listing.limits import MAX_PAGE_BYTES
from chalicelib.listing.query import ListedResource
from chalicelib.objects.read_cost import MAX_FILTERED_ROWS
from chalicelib.objects.stored_object import StoredObject


class PageProgress:
    """The rows that a page of up to `limit` matches has read, its matches, and the bytes of both.

    The page ends early when its rows have `max_bytes`, or are MAX_FILTERED_ROWS.
    """

    def __init__(self, limit: int, *, max_bytes: int) -> None:
        self._limit, self._max_bytes = limit, max_bytes
        self._rows = self._row_bytes = 0
        self._matches = self._match_bytes = 0

    def counted(self, rows: Iterable[StoredObject]) -> Iterator[StoredObject]:
        """Yields these rows, and counts them as read."""
        for row in rows:
            self._rows += 1
            self._row_bytes += row.stored_bytes
            yield row

    def measured(self, resource: ListedResource[StoredObject]) -> ListedResource[StoredObject]:
        """Returns the resource for `take_page`, which determines the size of each match once. Counts these matches."""

        def size(match: StoredObject) -> int:
            bytes_ = resource.size(match)
            self._matches += 1
            self._match_bytes += bytes_
            return bytes_

        return replace(resource, size=size)

    def rows_needed(self) -> int:
        """Returns how many more rows the page probably needs; 0 if no row was read yet."""
        needed = self._matches_of_page() * self._rows / (self._matches + 1)
        readable = self._max_bytes * self._rows / max(1, self._row_bytes)
        return int(min(needed, readable, MAX_FILTERED_ROWS)) - self._rows if self._rows else 0

    def _matches_of_page(self) -> float:
        """Returns how many matches the page probably takes, with the one that shows that another page follows."""
        if self._matches == 0:
            return self._limit + 1
        return min(self._limit, MAX_PAGE_BYTES * self._matches / max(1, self._match_bytes)) + 1
