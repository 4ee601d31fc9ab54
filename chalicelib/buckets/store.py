"""Buckets in the catalog table: their rows, and the condition of each write.

A bucket has a configuration row, a row that reserves its name, and, after its first object, a tally row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

from chalicelib import keys
from chalicelib.aws.dynamodb.attribute_values import Item
from chalicelib.aws.dynamodb.expressions import (
    Condition,
    UpdateExpression,
    absent,
    all_of,
    any_of,
    begins_with,
    between,
    equals,
    exists,
    greater_than,
    less_than,
)
from chalicelib.aws.dynamodb.optimistic_lock import VersionConflict
from chalicelib.aws.dynamodb.table import Table
from chalicelib.aws.dynamodb.writes import ConditionCheck, Delete, Put, Step, Update, applied_as_revision, no_evidence
from chalicelib.buckets.bucket import ACTIVE, DELETING, Bucket, from_item, texts, to_item
from chalicelib.buckets.endpoint_rows import endpoint_row, endpoint_steps
from chalicelib.buckets.errors import BatchesActive, BucketNameTaken
from chalicelib.buckets.search_text import contains_all, search_text
from chalicelib.core.errors import ApiError
from chalicelib.core.text import fold
from chalicelib.namespaces.errors import NamespaceNotActive, NamespaceNotFound
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


class BucketStore:
    """The buckets of all namespaces. Each namespace has a partition of its own."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def add(self, partition: str, bucket: Bucket, *, adapters: int | None = None) -> None:
        """Adds a bucket and reserves its name.

        `adapters` is the revision of the namespace's graph of adapters against which the bucket's adapter was checked,
        or None if that was not needed. Raises BucketNameTaken, NamespaceNotActive, NamespaceNotFound and
        VersionConflict.
        """
        self._table.transact(
            [
                _reserve_name(partition, bucket),
                # No other bucket gets this id, so the row proves that the bucket was added.
                Put(_row(partition, bucket), absent("pk"), was_applied=lambda row: True if row else None),
                Update(
                    keys.totals(partition),
                    UpdateExpression(add={"bucket_count": 1}),
                    all_of(exists("pk"), absent("closed")),
                    lambda row: NamespaceNotActive() if row else NamespaceNotFound(partition.partition(".")[2]),
                ),
                *_advance_adapters(partition, adapters),
                *endpoint_steps(partition, None, bucket),
            ]
        )

    def replace(self, partition: str, old: Bucket, new: Bucket, *, adapters: int | None = None) -> None:
        """Replaces a bucket's configuration. `adapters` is as in `add`. Raises VersionConflict and BucketNameTaken."""
        put = _put_next(partition, old, new)
        steps: list[Step] = [
            *_rename(partition, old, new),
            put,
            *_advance_adapters(partition, adapters),
            *endpoint_steps(partition, old, new),
        ]
        if len(steps) == 1:
            self._table.write(put)
        else:
            self._table.transact(steps)

    def register_endpoint(self, partition: str, bucket: Bucket) -> bool:
        """Writes the row of a bucket's webhook URL if it is missing or differs from the adapter.

        Returns whether it was written. Raises VersionConflict if the bucket has changed.
        """
        endpoint, key = endpoint_row(partition, bucket), keys.webhook_endpoint(bucket.bucket_id)
        if endpoint is None or bucket.deletion_task is not None or self._table.get(key) == {**key, **endpoint}:
            return False
        is_same = all_of(equals("revision", bucket.revision), absent("deletion_task"))
        check = ConditionCheck(keys.bucket(partition, bucket.bucket_id), is_same, lambda _: VersionConflict())
        self._table.transact([Put({**key, **endpoint}), check])
        return True

    def mark_in_use(self, partition: str, bucket: Bucket) -> None:
        """Records that a request creates objects that match the bucket's schema.

        Raises VersionConflict if the bucket is in use already, has another schema, or accepts no writes.
        """
        condition = all_of(
            equals("schema_version", bucket.schema_version),
            equals("status", ACTIVE),
            equals("is_locked", False),
            absent("in_use"),
        )
        update = UpdateExpression(set={"in_use": True, "unused_since": None})
        key = keys.bucket(partition, bucket.bucket_id)
        # To repeat the write does no harm: if its condition fails, the bucket is read again.
        self._table.write(Update(key, update, condition, lambda _: VersionConflict(), lambda _: False))

    def mark_unused(self, partition: str, bucket: Bucket, now: str) -> None:
        """Records that further requests must mark the bucket before they create objects. Raises VersionConflict."""
        condition = all_of(equals("revision", bucket.revision), equals("in_use", True))
        update = UpdateExpression(set={"in_use": None, "unused_since": now})
        key = keys.bucket(partition, bucket.bucket_id)
        # A repeated write could remove the mark of a later request.
        self._table.write(Update(key, update, condition, lambda _: VersionConflict(), no_evidence))

    def save_closed(self, partition: str, old: Bucket, closed: Bucket, *more: Step, ends_batches: bool = True) -> None:
        """Writes a bucket that is now being deleted, and releases its name if that has not happened yet.

        From then on no batch can be submitted. `more` are further writes of the same transaction. Raises
        VersionConflict, and BatchesActive unless `ends_batches`, if batches of the bucket have not ended.
        """
        put = _put_next(partition, old, closed)
        released = [_release_name(partition, old)] if old.deletion_task is None else []
        close = _close_to_batches(partition, old.bucket_id, ends_batches=ends_batches)
        self._table.transact([put, *released, close, *endpoint_steps(partition, old, None), *more])

    def tally_revision(self, partition: str, bucket_id: str) -> int:
        """Returns the revision of the bucket's tally, which changes with every object that is counted."""
        return read_tally(self._table.get(keys.bucket_tally(partition, bucket_id))).revision

    def remove(self, partition: str, bucket_id: str, tally_revision: int) -> None:
        """Removes a bucket that is being deleted and its tally, and decrements the namespace's bucket count.

        A repeated call has no effect. Raises VersionConflict if the tally does not have the revision
        `tally_revision`.
        """
        bucket = Delete(keys.bucket(partition, bucket_id), equals("status", DELETING), lambda _: VersionConflict())
        unchanged = equals("revision", tally_revision) if tally_revision else absent("pk")
        tally = Delete(keys.bucket_tally(partition, bucket_id), unchanged, lambda _: VersionConflict())
        count = Update(keys.totals(partition), UpdateExpression(add={"bucket_count": -1}), exists("pk"))
        activity = Delete(keys.batch_activity(keys.batches(partition, bucket_id)))
        try:
            self._table.transact([bucket, tally, count, activity])
        except VersionConflict:
            if self.find(partition, bucket_id) is not None:
                raise

    def first_id(self, partition: str) -> str | None:
        """Returns the id of the namespace's oldest bucket, or None if it has no buckets."""
        return next(self._ids(partition, exists("bucket_name"), page_size=1), None)

    def has_locked(self, partition: str) -> bool:
        """Whether a bucket of the namespace is locked."""
        return next(self._ids(partition, equals("is_locked", True)), None) is not None

    def has_active_batches(self, partition: str) -> bool:
        """Whether batches of any bucket of the namespace are submitted and have not ended."""
        ids = self._ids(partition, exists("bucket_name"))
        activity = (keys.batch_activity(keys.batches(partition, bucket_id)) for bucket_id in ids)
        return any(row.get("active") for row in self._table.get_many(activity, attributes=("active",)))

    def _ids(self, partition: str, filter_by: Condition, *, page_size: int | None = None) -> Iterator[str]:
        where = all_of(equals("pk", partition), between("sk", *keys.buckets_range()))
        for row in self._table.query(where, filter_by=filter_by, page_size=page_size, attributes=("bucket_id",)):
            yield row["bucket_id"]

    def adapters_revision(self, partition: str) -> int:
        """Returns the revision of the namespace's graph of adapters. Each write of source buckets increments it."""
        row = self._table.get(keys.adapters(partition))
        return row["revision"] if row else 0

    def find(self, partition: str, bucket_id: str) -> Bucket | None:
        """Returns the bucket with its tally, in one strongly consistent read, or None if it does not exist."""
        first = keys.bucket(partition, bucket_id)["sk"]
        last = keys.bucket_tally(partition, bucket_id)["sk"]
        rows = self._table.query(all_of(equals("pk", partition), between("sk", first, last)))
        return next(_with_tallies(rows, descending=False), None)

    def find_id(self, partition: str, name: str) -> str | None:
        """Returns the id of the bucket with this name, or None if there is none."""
        reservation = self._table.get(keys.bucket_name(partition, name))
        return reservation["bucket_id"] if reservation else None

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


def _put_next(partition: str, old: Bucket, new: Bucket) -> Put:
    """Returns the write that replaces a revision of a bucket by the next one."""
    condition = all_of(
        equals("revision", old.revision),
        equals("in_use", True) if old.in_use else absent("in_use"),
        # The mark may have been set and removed since.
        equals("unused_since", old.unused_since) if old.unused_since else absent("unused_since"),
    )
    # The marks of use change the row without its revision, so another `write_id` proves nothing.
    was_applied = applied_as_revision(old.revision, lambda row: bool(row["updated_at"] != new.updated_at))
    return Put(_row(partition, new), condition, lambda _: VersionConflict(), was_applied)


def _reserve_name(partition: str, bucket: Bucket) -> Step:
    item = {**keys.bucket_name(partition, bucket.name), "bucket_id": bucket.bucket_id}

    def taken(row: Item | None) -> ApiError:
        owner = row.get("bucket_id") if row else None
        # Another request may have given the bucket the same name.
        return VersionConflict() if owner == bucket.bucket_id else BucketNameTaken(bucket.name, owner)

    return Put(item, absent("pk"), taken)


def _rename(partition: str, old: Bucket, new: Bucket) -> list[Step]:
    if new.name == old.name:
        return []
    return [_reserve_name(partition, new), _release_name(partition, old)]


def _close_to_batches(partition: str, bucket_id: str, *, ends_batches: bool) -> Update:
    """The write after which no batch of the bucket can be submitted."""
    none_active, is_open_or_closed = (
        any_of(absent("active"), equals("active", 0)),
        any_of(absent("closed"), exists("closed")),
    )
    key = keys.batch_activity(keys.batches(partition, bucket_id))
    condition = is_open_or_closed if ends_batches else none_active
    return Update(key, UpdateExpression(set={"closed": True}), condition, lambda _: BatchesActive())


def _release_name(partition: str, old: Bucket) -> Step:
    reservation = keys.bucket_name(partition, old.name)
    return Delete(reservation, equals("bucket_id", old.bucket_id), lambda _: VersionConflict())


def _advance_adapters(partition: str, revision: int | None) -> list[Step]:
    """Returns the write that increments the graph's revision.

    It fails if the graph has changed since it was checked.
    """
    if revision is None:
        return []
    row = {**keys.adapters(partition), "revision": revision + 1}
    unchanged = equals("revision", revision) if revision else absent("pk")
    return [Put(row, unchanged, lambda _: VersionConflict())]


def _row(partition: str, bucket: Bucket) -> dict[str, Any]:
    return {
        **keys.bucket(partition, bucket.bucket_id),
        **to_item(bucket),
        "ns": partition,
        "name_key": keys.name_key(fold(bucket.name), bucket.bucket_id),
        "search_text": search_text(texts(bucket)),
    }


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
