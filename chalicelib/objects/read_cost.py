"""Estimates which way to read the rows of a filtered list costs less."""

from __future__ import annotations

from math import ceil

from chalicelib.core.record import record

# The rows that a page of a filtered list reads at most, in the order of creation.
MAX_FILTERED_ROWS = 1_000
# The estimate uses so many rows.
PROBED_ROWS = 25
# The bytes that one read unit pays for, and those of a row beside its document.
UNIT_BYTES = 4_096
ROW_OVERHEAD_BYTES = 400


@record
class Probe:
    """The first rows of a filtered list: their number, the bytes of their documents, and how many of them match.

    `in_order` says that their ids are in the order of creation, so that queries read the next rows too.
    """

    count: int
    size: int
    matches: int
    in_order: bool

    def bytes_in_order(self, limit: int, object_count: int) -> int:
        """Returns how many bytes the next rows in the order of creation probably cost, in multiples of a read unit.

        `limit` is the size of the page, and `object_count` the number of objects according to the bucket's statistics.
        """
        if self.matches > limit:
            return 0
        needed = (limit + 1) * self.count / self.matches if self.matches else MAX_FILTERED_ROWS
        others = min(needed, MAX_FILTERED_ROWS, max(object_count, self.count)) - self.count
        units = self._row_bytes / UNIT_BYTES
        return int(others * (units if self.in_order else ceil(units)) * UNIT_BYTES)

    def bytes_of_walk(self, object_count: int) -> int:
        """Returns how many bytes all rows of the bucket probably have."""
        return int(max(object_count, self.count) * self._row_bytes)

    @property
    def _row_bytes(self) -> float:
        return self.size / self.count + ROW_OVERHEAD_BYTES
