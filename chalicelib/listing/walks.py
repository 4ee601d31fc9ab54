"""Lists that read all rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from chalicelib.aws.retry import DeadlineExceeded
from chalicelib.listing.pagination import ListTooLong

R = TypeVar("R")

# Fewer rows are read within the time limit unless the database is slow. Then the same request may succeed later.
MIN_ROWS_OF_LONG_LIST = 1_000


def all_rows(rows: Iterable[R]) -> Iterator[R]:
    """Yields the rows of a list that needs all of them.

    Raises ListTooLong if the time limit of the request ends before the last row. Raises DeadlineExceeded instead if so
    few rows were read that the database was slow.
    """
    count = 0
    try:
        for row in rows:
            count += 1
            yield row
    except DeadlineExceeded as error:
        if count < MIN_ROWS_OF_LONG_LIST:
            raise
        raise ListTooLong() from error
