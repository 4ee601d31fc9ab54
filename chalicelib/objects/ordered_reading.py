"""Reads the rows of objects whose ids an index has returned, in that order, for as few read units as possible.

A read of a row by its key costs at least one unit. A query costs a unit for each 4 KB, so it reads rows of 1 KB for a
quarter. The table is in the order of ids. Ids of objects without an identity begin with their time of creation, so the
objects that follow each other in the index by creation also do so in the table, and one query reads them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, pairwise
from typing import Any

from chalicelib.aws.dynamodb.attribute_values import Item
from chalicelib.aws.dynamodb.expressions import all_of, between, equals
from chalicelib.aws.dynamodb.table import Table

# The number of rows of the first read, when their size is unknown, and the limits of the later reads.
FIRST_READ_ROWS = 25
MAX_BATCH_ROWS = 100
MAX_RANGE_ROWS = 500
MAX_READ_BYTES = 4_000_000
# With fewer ids, a range of keys saves little, and random ids may be in order by chance.
MIN_RANGE_ROWS = 10
# Ids are in the order of creation if at most one in this many is not.
ROWS_PER_EXCEPTION = 10


def rows_in_order(table: Table, bucket_id: str, ids: Iterable[str], *, wanted: int | None) -> Iterator[Item]:
    """Yields the rows with these ids, in this order, except those that do not exist.

    Reads lazily, so that a caller that stops early wastes a few megabytes at most. `wanted` is how many rows the caller
    needs. Raises DeadlineExceeded, but not before the first read.
    """
    remaining, count, size, begun = iter(ids), 0, 0, False
    read_size = min(FIRST_READ_ROWS, wanted or FIRST_READ_ROWS)
    while chunk := list(islice(remaining, read_size)):
        if begun:
            table.raise_if_expired()
        begun = True
        in_order = is_in_order(chunk)
        rows = _range(table, bucket_id, chunk) if in_order else _batch(table, bucket_id, chunk)
        for row in (rows[id_] for id_ in chunk if id_ in rows):
            count, size = count + 1, size + len(row["document"])
            yield row
        read_size = MAX_RANGE_ROWS if in_order else MAX_BATCH_ROWS
        if count:  # 0 if all ids so far were those of deleted objects, which an index may still contain
            missing = max(1, wanted - count) if wanted else read_size
            read_size = max(1, min(read_size, missing, MAX_READ_BYTES * count // size))


def is_in_order(ids: Sequence[str]) -> bool:
    """Returns whether the ids are many, and in ascending or descending order with few exceptions."""
    if len(ids) < MIN_RANGE_ROWS:
        return False
    ascending = sum(one < other for one, other in pairwise(ids))
    return min(ascending, len(ids) - 1 - ascending) <= len(ids) // ROWS_PER_EXCEPTION


def _range(table: Table, bucket_id: str, ids: Sequence[str]) -> dict[str, Item]:
    """Returns the rows by id. Reads the rows between the first and the last of the ids.

    Other objects may be between them. If these are many, the rest of the rows is read by their keys.
    """
    where = all_of(equals("bucket_id", bucket_id), between("object_id", min(ids), max(ids)))
    at_most = len(ids) * 3 // 2
    rows = {row["object_id"]: row for row in islice(table.query(where, page_size=at_most), at_most)}
    if len(rows) == at_most:
        rows |= _batch(table, bucket_id, [id_ for id_ in ids if id_ not in rows])
    return rows


def _batch(table: Table, bucket_id: str, ids: Iterable[str]) -> dict[str, Item]:
    wanted: Iterable[dict[str, Any]] = ({"bucket_id": bucket_id, "object_id": id_} for id_ in ids)
    return {row["object_id"]: row for row in table.get_many(wanted)}
