"""Reads the rows of objects whose ids an index has returned, in that order, for as few read units as possible.

A read of a row by its key costs at least one unit. A query costs a unit for each 4 KB, so it reads rows of 1 KB for a
quarter. The table is in the order of ids. Ids of objects without an identity begin with their time of creation, so the
objects that follow each other in the index by creation also do so in the table, and one query reads them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain, islice, pairwise

from chalicelib.aws.dynamodb.attribute_values import Item
from chalicelib.aws.dynamodb.concurrent_reads import MAX_CONCURRENT_CALLS, get_concurrently
from chalicelib.aws.dynamodb.expressions import all_of, between, equals
from chalicelib.aws.dynamodb.table import BATCH_GET_KEYS, Table
from chalicelib.aws.dynamodb.writes import Key

# The number of rows of the first read, when their size is unknown, and the limits of the later reads.
FIRST_READ_ROWS = 25
MAX_RANGE_ROWS = 500
MAX_READ_BYTES = 4_000_000
# A read has at most so many times the rows of the read before, of which the sizes are known.
ROWS_PER_ROW_READ = 4
# With fewer ids, a range of keys saves little, and random ids may be in order by chance.
MIN_RANGE_ROWS = 10
# Ids are in the order of creation if at most one in this many is not.
ROWS_PER_EXCEPTION = 10


def rows_in_order(
    table: Table,
    bucket_id: str,
    ids: Iterable[str],
    *,
    wanted: int | None,
    expected: Callable[[], int] | None = None,
) -> Iterator[Item]:
    """Yields the rows with these ids, in this order, except those that do not exist.

    Reads lazily, so that a caller that stops early wastes a few megabytes. If the rows suddenly become much larger,
    it wastes up to 200 of them. `wanted` is how many rows the caller needs; `expected` returns how many more it will
    probably need. So many are read by their keys with several calls at a time; without both, calls follow each other.
    Raises DeadlineExceeded, but not before the first read.
    """
    reads_ahead = wanted is not None or expected is not None
    get = partial(get_concurrently, table) if reads_ahead else table.get_many
    remaining, count, size, begun = iter(ids), 0, 0, False
    read_size = min(FIRST_READ_ROWS, wanted or FIRST_READ_ROWS)
    while chunk := list(islice(remaining, read_size)):
        if begun:
            table.raise_if_expired()
        begun = True
        in_order = is_in_order(chunk)
        rows, unread = _range(table, bucket_id, chunk) if in_order else (_by_keys(get, bucket_id, chunk), [])
        remaining = chain(unread, remaining)
        for row in (rows[id_] for id_ in chunk[: len(chunk) - len(unread)] if id_ in rows):
            count, size = count + 1, size + len(row["document"])
            yield row
        # The next rows may be larger than those before.
        most, ahead = min(ROWS_PER_ROW_READ * len(chunk), MAX_RANGE_ROWS), 0
        if count:  # 0 if all ids so far were those of deleted objects, which an index may still contain
            missing = max(1, wanted - count) if wanted else most
            most = max(1, min(most, missing, MAX_READ_BYTES * count // size))
            if reads_ahead:
                ahead = min(most, expected()) if expected else most
        read_size = most if in_order else min(most, _rows_by_keys(ahead))


def _rows_by_keys(expected: int) -> int:
    """Returns how many rows the next read by keys has at most: those of one call, or of several if all are expected."""
    return BATCH_GET_KEYS * max(1, min(expected // BATCH_GET_KEYS, MAX_CONCURRENT_CALLS))


def is_in_order(ids: Sequence[str]) -> bool:
    """Returns whether the ids are many, and in ascending or descending order with few exceptions."""
    if len(ids) < MIN_RANGE_ROWS:
        return False
    ascending = sum(one < other for one, other in pairwise(ids))
    return min(ascending, len(ids) - 1 - ascending) <= len(ids) // ROWS_PER_EXCEPTION


def _range(table: Table, bucket_id: str, ids: Sequence[str]) -> tuple[dict[str, Item], Sequence[str]]:
    """Returns rows by id, and the last of the ids whose rows are still to be read.

    Reads the rows between the first and the last of the ids, up to MAX_READ_BYTES or the time limit of the request.
    Other objects may be between them. If these are many, the rest of the rows is read by their keys.
    """
    where = all_of(equals("bucket_id", bucket_id), between("object_id", min(ids), max(ids)))
    at_most = len(ids) * 3 // 2
    rows: dict[str, Item] = {}
    size = 0
    for row in islice(table.query(where, page_size=at_most, descending=ids[0] > ids[-1]), at_most):
        rows[row["object_id"]] = row
        size += len(row["document"])
        if size > MAX_READ_BYTES or table.deadline_expired():
            return rows, _unread(ids, row["object_id"], descending=ids[0] > ids[-1])
    if len(rows) == at_most:
        rows |= _by_keys(table.get_many, bucket_id, [id_ for id_ in ids if id_ not in rows])
    return rows, ()


def _unread(ids: Sequence[str], last: str, *, descending: bool) -> Sequence[str]:
    """Returns the ids from the first one that a query has not reached when it ended with `last`."""
    first = next((n for n, id_ in enumerate(ids) if (id_ < last if descending else id_ > last)), len(ids))
    return ids[first:]


def _by_keys(get: Callable[[Sequence[Key]], list[Item]], bucket_id: str, ids: Iterable[str]) -> dict[str, Item]:
    keys = [{"bucket_id": bucket_id, "object_id": id_} for id_ in dict.fromkeys(ids)]
    return {row["object_id"]: row for row in get(keys)}
