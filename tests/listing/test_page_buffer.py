"""The page buffer keeps the page and the row after it, for rows of any size."""

from __future__ import annotations

import random
import weakref
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.listing.limits import MAX_SKIPPED_BYTES
from chalicelib.listing.page_buffer import PageBuffer
from chalicelib.listing.pagination import SortTooLarge

MAX_BYTES = 100
KILOBYTES_300 = 300_000


@dataclass(frozen=True)
class Row:
    number: int
    size: int


@dataclass(eq=False)
class LargeRow:
    """A row without content; its size is given to the buffer. It supports weak references."""

    number: int


sizes = st.lists(st.integers(1, 150), max_size=40)
offsets = st.integers(0, 12)
limits = st.integers(1, 12)


def page_buffer(offset: int, limit: int) -> PageBuffer[Row]:
    return PageBuffer(offset, limit, MAX_BYTES, lambda row: row.size)


def expected(rows: list[Row], offset: int, limit: int) -> list[Row]:
    """Returns the page and the row after it, by plain slicing."""
    page: list[Row] = []
    for row in rows[offset:]:
        page.append(row)
        if len(page) > limit or (len(page) > 1 and sum(each.size for each in page) > MAX_BYTES):
            break
    return page


@given(sizes, offsets, limits, st.randoms(use_true_random=False))
def test_the_page_and_the_next_row_are_kept_for_any_order_of_rows(
    row_sizes: list[int], offset: int, limit: int, chance: random.Random
) -> None:
    rows = [Row(number, size) for number, size in enumerate(row_sizes)]
    mixed = chance.sample(rows, len(rows))

    assert page_buffer(offset, limit).from_ordered(rows) == expected(rows, offset, limit)
    unordered = page_buffer(offset, limit).from_unordered((row.number, row) for row in mixed)
    assert unordered == expected(rows, offset, limit)


def test_all_rows_are_read_although_the_page_is_full() -> None:
    rows = iter([Row(number, 1) for number in range(50)])

    assert len(page_buffer(3, 5).from_ordered(rows)) == 6
    assert next(rows, None) is None


class CountedRows:
    """Yields new rows, and counts how many of them exist at the same time at most."""

    def __init__(self, count: int, *, newest_last: bool) -> None:
        self._count, self._newest_last = count, newest_last
        self._alive: weakref.WeakSet[LargeRow] = weakref.WeakSet()
        self.max_alive = 0

    def __iter__(self) -> Iterator[tuple[int, LargeRow]]:
        for index in range(self._count):
            number = self._count - index if self._newest_last else index
            row = LargeRow(number)
            self._alive.add(row)
            self.max_alive = max(self.max_alive, len(self._alive))
            yield number, row
            del row


@pytest.mark.parametrize("newest_last", [True, False])
@pytest.mark.parametrize("limit", [10, 1000])
def test_large_rows_after_the_page_are_released(limit: int, newest_last: bool) -> None:
    rows = CountedRows(3_000, newest_last=newest_last)
    large: PageBuffer[LargeRow] = PageBuffer(0, limit, 4_000_000, lambda _: KILOBYTES_300)

    kept = large.from_unordered(rows)

    first = 1 if newest_last else 0
    assert [row.number for row in kept] == list(range(first, first + min(limit + 1, 14)))
    assert rows.max_alive < 60


def test_ordered_rows_before_the_page_are_released() -> None:
    rows = CountedRows(3_000, newest_last=False)
    large: PageBuffer[LargeRow] = PageBuffer(2_000, 1000, 4_000_000, lambda _: KILOBYTES_300)

    assert len(large.from_ordered(row for _, row in rows)) == 14
    assert rows.max_alive < 20


def test_large_rows_before_the_page_are_an_error_and_small_ones_are_not() -> None:
    def page_of(size: int) -> list[LargeRow]:
        sized: PageBuffer[LargeRow] = PageBuffer(1_000, 10, 4_000_000, lambda _: size)
        return sized.from_unordered(CountedRows(3_000, newest_last=False))

    assert [row.number for row in page_of(1_000)] == list(range(1_000, 1_011))
    with pytest.raises(SortTooLarge) as caught:
        page_of(KILOBYTES_300)
    assert "cursor" in caught.value.text
    assert caught.value.code == "sort_too_large"
    assert MAX_SKIPPED_BYTES < 1_000 * KILOBYTES_300
