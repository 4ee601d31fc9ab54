"""Reads the rows of many buckets of a namespace, for lists."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
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
from chalicelib.buckets.bucket import Bucket, FoundBucket, from_item
from chalicelib.buckets.search_text import contains_all
from chalicelib.buckets.settings_reader import SettingsReader
from chalicelib.buckets.settings_rows import SETTINGS_FIELDS
from chalicelib.core.errors import Unavailable
from chalicelib.core.record import record
from chalicelib.stats.tally import EMPTY_TALLY, Tally, read_tally

R = TypeVar("R")

# How often a bucket is read at most while its settings change.
MAX_READS = 10
# Settings may have 300 KB, and BatchGetItem returns at most 16 MB.
SETTINGS_BATCH_SIZE = 50
# Each bucket has two keys, and BatchGetItem reads at most 100 keys.
READ_BATCH_SIZE = 50
# DynamoDB limits sort keys to 1 KB. A condition with a shorter prefix matches more rows. All rows are compared again
# after they are read.
MAX_CONDITION_PREFIX_LENGTH = 200


@record
class NamespaceTotals:
    """The number of buckets in a namespace, and the statistics of all of their objects."""

    bucket_count: int
    tally: Tally


class BucketRows:
    """The rows of buckets. Each namespace has a partition of its own."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._settings = SettingsReader(table)

    def find(self, partition: str, bucket_id: str) -> Bucket | None:
        """Returns the bucket with its tally, or None if it does not exist. Strongly consistent.

        Raises Unavailable if its settings have a row of their own, and change with each attempt to read them.
        """
        first = keys.bucket(partition, bucket_id)["sk"]
        last = keys.bucket_tally(partition, bucket_id)["sk"]
        where = all_of(equals("pk", partition), between("sk", first, last))
        for _ in range(MAX_READS):
            found = next(_with_tallies(self._table.query(where), descending=False), None)
            if found is None or not found.lacks:
                return found.bucket if found else None
            [completed] = self._settings.completed(partition, [found])
            if completed is not None:
                return completed.bucket
        raise Unavailable()

    def complete(self, partition: str, found: Iterable[FoundBucket]) -> Iterator[Bucket]:
        """Yields the buckets with all of their settings. Omits those that have been removed since they were found.

        A bucket whose settings have changed since then is read again. Raises DeadlineExceeded, but not before the
        first read.
        """
        for chunk in self._chunks(found, SETTINGS_BATCH_SIZE):
            for before, after in zip(chunk, self._settings.completed(partition, chunk), strict=True):
                bucket = after.bucket if after else self.find(partition, before.bucket.bucket_id)
                if bucket is not None:
                    yield bucket

    def with_fields(self, partition: str, found: Iterable[FoundBucket], fields: Set[str]) -> Iterator[FoundBucket]:
        """Yields the buckets with at least these fields of their settings. Otherwise like `complete`."""
        if fields.isdisjoint(SETTINGS_FIELDS):
            yield from found
            return
        for chunk in self._chunks(found, SETTINGS_BATCH_SIZE):
            lacking = self.complete(partition, [each for each in chunk if not fields.isdisjoint(each.lacks)])
            following = next(lacking, None)
            for each in chunk:
                if fields.isdisjoint(each.lacks):
                    yield each
                elif following is not None and following.bucket_id == each.bucket.bucket_id:
                    yield FoundBucket(following)
                    following = next(lacking, None)

    def totals(self, partition: str) -> NamespaceTotals:
        """Returns the namespace's totals, in one read."""
        rows = self._table.query(all_of(equals("pk", partition), begins_with("sk", "#T")))
        by_key = {row["sk"]: row for row in rows}
        count = by_key.get(keys.totals(partition)["sk"], {}).get("bucket_count", 0)
        return NamespaceTotals(count, read_tally(by_key.get(keys.namespace_tally(partition)["sk"])))

    def until_deadline(self, rows: Iterable[R]) -> Iterator[R]:
        """Yields the rows for a caller that evaluates each of them, see `Table.until_deadline`."""
        return self._table.until_deadline(rows)

    def raise_if_expired(self) -> None:
        """Raises DeadlineExceeded if the time limit of the current request has ended."""
        self._table.raise_if_expired()

    def walk(
        self, partition: str, *, descending: bool, after: str | None = None, at_most: int | None = None
    ) -> Iterator[FoundBucket]:
        """Yields buckets in the order of their ids, which is the order of their creation, starting after `after`.

        `at_most` is the number of buckets that the caller will take. It determines how many rows are read at a time.
        Raises DeadlineExceeded.
        """
        page_size = min(2 * at_most + 1, 1000) if at_most else None
        rows = self._table.query(
            all_of(equals("pk", partition), _after(partition, after, descending=descending)),
            page_size=page_size,
            descending=descending,
            check_deadline=True,
        )
        return (found for found in _with_tallies(rows, descending=descending) if found.bucket.bucket_id != after)

    def all(self, partition: str) -> Iterator[Bucket]:
        """Yields all buckets with all of their settings, the oldest first."""
        return self.complete(partition, self.walk(partition, descending=False))

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
        `SEARCH_TEXT_BYTES` bytes of a text. `at_most` is as in `walk`. Raises DeadlineExceeded.
        """
        where = [equals("ns", partition)]
        if after is not None:
            where.append(less_than("name_key", after) if descending else greater_than("name_key", after))
        elif prefix:
            where.append(begins_with("name_key", prefix[:MAX_CONDITION_PREFIX_LENGTH]))
        page_size = min(at_most, 1000) if at_most else None
        filter_by = contains_all(needles)
        for row in self._table.query(
            all_of(*where),
            filter_by=filter_by,
            page_size=page_size,
            index="by_name",
            descending=descending,
            check_deadline=True,
        ):
            yield row["name_key"]

    def get_many(
        self, partition: str, ids: Iterable[str], *, batch_size: int = READ_BATCH_SIZE
    ) -> Iterator[FoundBucket]:
        """Yields the buckets with these ids, in that order, without those that do not exist. Reads them lazily.

        Raises DeadlineExceeded, but not before the first read.
        """
        for chunk in self._chunks(ids, min(batch_size, READ_BATCH_SIZE)):
            wanted = [key(partition, id_) for id_ in chunk for key in (keys.bucket, keys.bucket_tally)]
            rows = {row["sk"]: row for row in self._table.get_many(wanted)}
            for id_ in chunk:
                row = rows.get(keys.bucket(partition, id_)["sk"])
                if row is not None:
                    yield from_item(row, read_tally(rows.get(keys.bucket_tally(partition, id_)["sk"])))

    def _chunks(self, rows: Iterable[R], size: int) -> Iterator[list[R]]:
        """Yields the rows in lists of this size. Raises DeadlineExceeded, but not before the first list."""
        remaining = iter(rows)
        is_first = True
        while chunk := list(islice(remaining, size)):
            if not is_first:
                self.raise_if_expired()
            is_first = False
            yield chunk


def _after(partition: str, after: str | None, *, descending: bool) -> Condition:
    first, last = keys.buckets_range()
    if after is None:
        return between("sk", first, last)
    if descending:  # a bucket's tally sorts after it, and `walk` omits the bucket itself
        return between("sk", first, keys.bucket(partition, after)["sk"])
    return between("sk", keys.bucket_tally(partition, after)["sk"] + "\0", last)


def _with_tallies(rows: Iterable[Mapping[str, Any]], *, descending: bool) -> Iterator[FoundBucket]:
    """Yields buckets with their tallies. The row of a tally comes after its bucket, or before it if descending."""
    pending: Mapping[str, Any] | None = None
    tally_row: Mapping[str, Any] | None = None
    for row in rows:
        if "bucket_name" not in row:
            tally_row = row
            if pending is not None and keys.is_tally_of(row["sk"], pending["bucket_id"]):
                yield from_item(pending, read_tally(row))
                pending = None
            continue
        if pending is not None:
            yield from_item(pending)
            pending = None
        if descending:
            own = tally_row is not None and keys.is_tally_of(tally_row["sk"], row["bucket_id"])
            yield from_item(row, read_tally(tally_row) if own else EMPTY_TALLY)
        else:
            pending = row
    if pending is not None:
        yield from_item(pending)
