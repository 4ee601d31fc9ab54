"""Reads the rows of many buckets of a namespace, for lists."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

from chalicelib import keys
from chalicelib.aws.dynamodb.expressions import (
    Condition,
    all_of,
    begins_with,
    between,
    equals,
    greater_than,
    less_than,
)
from chalicelib.aws.dynamodb.table import Table
from chalicelib.buckets.bucket import Bucket, from_item
from chalicelib.buckets.search_text import contains_all
from chalicelib.stats.tally import EMPTY_TALLY, Tally, read_tally

R = TypeVar("R")

# Each bucket has two keys, and BatchGetItem reads at most 100 keys.
READ_BATCH_SIZE = 50
# DynamoDB limits sort keys to 1 KB. A condition with a shorter prefix matches more rows. All rows are compared again
# after they are read.
MAX_CONDITION_PREFIX_LENGTH = 200


@dataclass(frozen=True, slots=True)
class NamespaceTotals:
    """The number of buckets in a namespace, and the statistics of all of their objects."""

    bucket_count: int
    tally: Tally


class BucketRows:
    """The rows of buckets. Each namespace has a partition of its own."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def find(self, partition: str, bucket_id: str) -> Bucket | None:
        """Returns the bucket with its tally, in one strongly consistent read, or None if it does not exist."""
        first = keys.bucket(partition, bucket_id)["sk"]
        last = keys.bucket_tally(partition, bucket_id)["sk"]
        rows = self._table.query(all_of(equals("pk", partition), between("sk", first, last)))
        return next(_with_tallies(rows, descending=False), None)

    def totals(self, partition: str) -> NamespaceTotals:
        """Returns the namespace's totals, in one read."""
        rows = self._table.query(all_of(equals("pk", partition), begins_with("sk", "#T")))
        by_key = {row["sk"]: row for row in rows}
        count = by_key.get(keys.totals(partition)["sk"], {}).get("bucket_count", 0)
        return NamespaceTotals(count, read_tally(by_key.get(keys.namespace_tally(partition)["sk"])))

    def until_deadline(self, rows: Iterable[R]) -> Iterator[R]:
        """Yields the rows for a caller that evaluates each of them, see `Table.until_deadline`."""
        return self._table.until_deadline(rows)

    def walk(
        self, partition: str, *, descending: bool, after: str | None = None, at_most: int | None = None
    ) -> Iterator[Bucket]:
        """Yields buckets in the order of their ids, which is the order of their creation, starting after `after`.

        `at_most` is the number of buckets that the caller will take. It determines how many rows are read at a time.
        """
        page_size = min(2 * at_most + 1, 1000) if at_most else None
        rows = self._table.query(
            all_of(equals("pk", partition), _after(partition, after, descending=descending)),
            page_size=page_size,
            descending=descending,
        )
        return (bucket for bucket in _with_tallies(rows, descending=descending) if bucket.bucket_id != after)

    def name_keys(
        self,
        partition: str,
        *,
        prefix: str = "",
        needles: Iterable[str] = (),
        descending: bool = False,
        after: str | None = None,
        at_most: int | None = None,
    ) -> Iterator[str]:
        """Yields the keys of the name index (case-folded name and id) in order. The index may be seconds behind.

        `prefix` selects names that start with it, and `needles` rows whose search text contains all of them; both are
        case-folded. Keys of rows that do not match may be yielded too, because the index has only the first
        `SEARCH_TEXT_BYTES` bytes of a text. `at_most` is as in `walk`.
        """
        where = [equals("ns", partition)]
        if after is not None:
            where.append(less_than("name_key", after) if descending else greater_than("name_key", after))
        elif prefix:
            where.append(begins_with("name_key", prefix[:MAX_CONDITION_PREFIX_LENGTH]))
        page_size = min(at_most, 1000) if at_most else None
        filter_by = contains_all(needles)
        for row in self._table.query(
            all_of(*where), filter_by=filter_by, page_size=page_size, index="by_name", descending=descending
        ):
            yield row["name_key"]

    def get_many(self, partition: str, ids: Iterable[str], *, batch_size: int = READ_BATCH_SIZE) -> Iterator[Bucket]:
        """Yields the buckets with these ids, in that order, without those that do not exist. Reads them lazily."""
        remaining = iter(ids)
        while chunk := list(islice(remaining, min(batch_size, READ_BATCH_SIZE))):
            wanted = [key(partition, id_) for id_ in chunk for key in (keys.bucket, keys.bucket_tally)]
            rows = {row["sk"]: row for row in self._table.get_many(wanted)}
            for id_ in chunk:
                row = rows.get(keys.bucket(partition, id_)["sk"])
                if row is not None:
                    yield from_item(row, read_tally(rows.get(keys.bucket_tally(partition, id_)["sk"])))


def _after(partition: str, after: str | None, *, descending: bool) -> Condition:
    first, last = keys.buckets_range()
    if after is None:
        return between("sk", first, last)
    if descending:  # a bucket's tally sorts after it, and `walk` omits the bucket itself
        return between("sk", first, keys.bucket(partition, after)["sk"])
    return between("sk", keys.bucket_tally(partition, after)["sk"] + "\0", last)


def _with_tallies(rows: Iterable[Mapping[str, Any]], *, descending: bool) -> Iterator[Bucket]:
    """Yields buckets with their tallies. The row of a tally comes after its bucket, or before it if descending."""
    pending: Bucket | None = None
    tally, tally_key = EMPTY_TALLY, ""
    for row in rows:
        if "bucket_name" not in row:
            tally, tally_key = read_tally(row), row["sk"]
            if pending is not None and keys.is_tally_of(tally_key, pending.bucket_id):
                yield pending.with_tally(tally)
                pending = None
            continue
        if pending is not None:
            yield pending
            pending = None
        if descending:
            own = keys.is_tally_of(tally_key, row["bucket_id"])
            yield from_item(row, tally if own else EMPTY_TALLY)
        else:
            pending = from_item(row)
    if pending is not None:
        yield pending
