"""The rows of batches in the catalog table. Every change is conditional on the revision that it was based on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from chalicelib import keys
from chalicelib.aws.dynamodb.attribute_values import Item
from chalicelib.aws.dynamodb.expressions import (
    Condition,
    UpdateExpression,
    absent,
    all_of,
    between,
    equals,
    exists,
    greater_than,
    has_size,
)
from chalicelib.aws.dynamodb.optimistic_lock import VersionConflict
from chalicelib.aws.dynamodb.table import Table
from chalicelib.aws.dynamodb.writes import ConditionCheck, Delete, Put, Step, Update, applied_as_revision
from chalicelib.batches.batch import IN_PROGRESS, Batch, from_item, to_item
from chalicelib.batches.chunk import CHUNK_SIZE
from chalicelib.batches.chunk_store import chunk_rows
from chalicelib.buckets.errors import BucketNotActive, BucketNotFound
from chalicelib.core.ids import is_key_part
from chalicelib.namespaces.errors import NamespaceNotActive

# A limit of DynamoDB.
MAX_TRANSACTION_STEPS = 100
# With their progress, these are the 100 rows that DynamoDB reads in one call.
BATCHES_PER_READ = 50


@dataclass(frozen=True, slots=True)
class Found:
    """A batch and the row of its progress, if its workers have recorded any outcome."""

    batch: Batch
    tally: Item | None


class BatchStore:
    """The batches of every bucket. `rows` is the partition key of a bucket's batches, see `keys.batches`."""

    max_appended = CHUNK_SIZE * ((MAX_TRANSACTION_STEPS - 1) // 2)

    def __init__(self, table: Table) -> None:
        self._table = table

    def add(self, batch: Batch, *more: Step) -> None:
        """Stores a new batch. `more` is written in the same transaction.

        Raises BucketNotFound, BucketNotActive if its bucket is being deleted, VersionConflict if the id is taken, and
        the errors of `more`.
        """
        bucket = keys.bucket(batch.partition, batch.bucket_id)
        is_open = all_of(exists("pk"), absent("deletion_task"))
        # No other batch gets this id, so the row proves that the transaction was applied.
        put = Put(to_item(batch), absent("pk"), lambda _: VersionConflict(), lambda row: True if row else None)
        pointer = keys.batch_pointer(batch.organization, batch.batch_id)
        place = {"namespace_id": batch.namespace_id, "bucket_id": batch.bucket_id}
        self._table.transact(
            [
                put,
                Put({**pointer, **place}, absent("pk")),
                ConditionCheck(
                    bucket,
                    is_open,
                    lambda row: BucketNotActive(row["status"]) if row else BucketNotFound(batch.bucket_id),
                ),
                *more,
            ]
        )

    def append(self, old: Batch, new: Batch, object_ids: Sequence[str], *, first: int) -> None:
        """Replaces a draft, and stores these objects in its chunks from the number `first` on.

        There are at most `max_appended` objects. Raises VersionConflict.
        """
        rows = chunk_rows(old.rows, old.batch_id, object_ids, first=first)
        self._table.transact([_change(old, new), *map(Put, rows)])

    def find(self, rows: str, batch_id: str, *, include_removed: bool = False) -> Batch | None:
        """Returns the batch, or None if it does not exist or is being removed. Strongly consistent."""
        row = self._table.get(keys.batch(rows, batch_id)) if is_key_part(batch_id) else None
        return from_item(row) if row and (include_removed or "is_removed" not in row) else None

    def find_with_tally(self, rows: str, batch_id: str) -> Found | None:
        """Returns the batch and its progress, or None. Strongly consistent."""
        if not is_key_part(batch_id):
            return None
        found = self._table.get_many([keys.batch(rows, batch_id), keys.batch_tally(rows, batch_id)])
        by_key = {row["sk"]: row for row in found}
        row = by_key.get(keys.batch(rows, batch_id)["sk"])
        if row is None or "is_removed" in row:
            return None
        return Found(from_item(row), by_key.get(keys.batch_tally(rows, batch_id)["sk"]))

    def locate(self, organization: str, batch_id: str) -> tuple[str, str] | None:
        """Returns the namespace id and the bucket id of a batch of this organization, or None."""
        pointer = self._table.get(keys.batch_pointer(organization, batch_id)) if is_key_part(batch_id) else None
        return (pointer["namespace_id"], pointer["bucket_id"]) if pointer else None

    def replace(self, old: Batch, new: Batch, *more: Step) -> None:
        """Replaces a revision of a batch by the next one. `more` is written in the same transaction.

        Raises VersionConflict.
        """
        change = _change(old, new)
        if more:
            self._table.transact([change, *more])
        else:
            self._table.write(change)

    def submit(self, old: Batch, new: Batch, task: Step, *, activity_revision: int | None) -> None:
        """Replaces a batch by a submitted one, and starts its task.

        With `activity_revision`, no other batch of the bucket may have been submitted since that revision was read.
        Raises VersionConflict, also if the bucket is being deleted, and NamespaceNotActive if its namespace is.
        """
        conditions = [absent("closed")]
        if activity_revision is not None:
            same = equals("revision", activity_revision) if activity_revision else absent("revision")
            conditions.append(same)
        counted = Update(
            keys.batch_activity(new.rows),
            UpdateExpression(add={"active": 1, "revision": 1}),
            all_of(*conditions),
            lambda _: VersionConflict(),
        )
        active = Put({**keys.active_batch(new.rows, new.batch_id), "batch_id": new.batch_id})
        # The deletion of the namespace must not miss this batch when it looks for batches that have not ended.
        in_namespace = Update(
            keys.totals(new.partition),
            UpdateExpression(add={"submissions": 1}),
            all_of(exists("pk"), absent("closed")),
            lambda _: NamespaceNotActive(),
        )
        self._table.transact([_change(old, new), counted, active, task, in_namespace])

    def end(self, old: Batch, new: Batch, *more: Step, is_done: bool = False) -> None:
        """Replaces an active batch by one that has ended. `more` is written in the same transaction.

        With `is_done`, the run must have finished every chunk. Raises VersionConflict.
        """
        condition = has_size("done", old.chunk_count) if is_done else None
        activity = keys.batch_activity(old.rows)
        uncounted = Update(activity, UpdateExpression(add={"active": -1, "revision": 1}), greater_than("active", 0))
        active = Delete(keys.active_batch(old.rows, old.batch_id), exists("pk"))
        self._table.transact([_change(old, new, condition), uncounted, active, *more])

    def add_done(self, batch: Batch, chunk: int) -> Batch:
        """Records that the current run has finished a chunk. Returns the batch after it. May be repeated.

        Raises VersionConflict if that run has ended.
        """
        condition = all_of(equals("status", IN_PROGRESS.value), equals("epoch", batch.epoch))
        update = UpdateExpression(add={"done": frozenset({chunk})})
        key = keys.batch(batch.rows, batch.batch_id)
        row = self._table.write(Update(key, update, condition, lambda _: VersionConflict()))
        assert row is not None, "an update returns the row"
        return from_item(row)

    def activity_revision(self, rows: str) -> int:
        """Returns a number that each submission and each end of a batch of the bucket increases."""
        row = self._table.get(keys.batch_activity(rows))
        return row["revision"] if row and "revision" in row else 0

    def active_ids(self, rows: str) -> Iterator[str]:
        """Yields the ids of the batches of a bucket that are submitted and have not ended. Strongly consistent."""
        where = all_of(equals("pk", rows), between("sk", *keys.active_batches_range()))
        return (row["batch_id"] for row in self._table.query(where))

    def walk(self, rows: str, *, after: str | None = None, page_size: int | None = None) -> Iterator[Found]:
        """Yields the batches of a bucket with their progress, newest first, after the batch with the id `after`.

        Raises DeadlineExceeded.
        """
        low, high = keys.batches_range()
        if after is not None:
            high = keys.batch(rows, after)["sk"]
        where = all_of(equals("pk", rows), between("sk", low, high))
        found = self._table.query(where, descending=True, page_size=page_size, check_deadline=True)
        batches = _with_tallies(self._table.until_deadline(found))
        return (each for each in batches if each.batch.batch_id != after)

    def walk_organization(self, organization: str, wanted: Callable[[Item], bool] = lambda _: True) -> Iterator[Found]:
        """Yields the batches of an organization with their progress, newest first. Raises DeadlineExceeded.

        Only batches are read whose pointers are wanted. A pointer has a `namespace_id`, `bucket_id` and `batch_id`.
        """
        pointers = filter(wanted, self._pointers(organization))
        while group := list(islice(pointers, BATCHES_PER_READ)):
            places = [
                (keys.batches(keys.partition(organization, each["namespace_id"]), each["bucket_id"]), each["batch_id"])
                for each in group
            ]
            yield from self._find_many(places)

    def _pointers(self, organization: str) -> Iterator[Item]:
        where = all_of(equals("pk", keys.organization(organization)["pk"]), between("sk", *keys.batches_range()))
        for row in self._table.until_deadline(self._table.query(where, descending=True, check_deadline=True)):
            batch_id = keys.parse_batch_key(row["sk"])
            if batch_id is not None:
                yield {**row, "batch_id": batch_id}

    def _find_many(self, places: list[tuple[str, str]]) -> Iterator[Found]:
        """Yields batches that exist. `places` are pairs of the partition key of a bucket's batches and a batch id."""
        wanted = [make(*place) for place in places for make in (keys.batch, keys.batch_tally)]
        rows = {(row["pk"], row["sk"]): row for row in self._table.get_many(wanted)}
        for place in places:
            key, tally = keys.batch(*place), keys.batch_tally(*place)
            row = rows.get((key["pk"], key["sk"]))
            if row is not None and "is_removed" not in row:
                yield Found(from_item(row), rows.get((tally["pk"], tally["sk"])))

    def remove(self, batch: Batch) -> None:
        """Removes the rows of a batch that has not been submitted or has ended. Raises VersionConflict."""
        key = keys.batch(batch.rows, batch.batch_id)
        delete = Delete(key, equals("revision", batch.revision), lambda _: VersionConflict(), _is_missing)
        pointer = Delete(keys.batch_pointer(batch.organization, batch.batch_id))
        self._table.transact([delete, pointer, Delete(keys.batch_tally(batch.rows, batch.batch_id))])

    def remove_some_remains(self, rows: str, at_most: int) -> int:
        """Deletes up to `at_most` rows of a bucket's batches, except the one that says that it accepts none.

        Returns how many.
        """
        activity = keys.batch_activity(rows)
        found = self._table.query_page(equals("pk", rows), at_most, attributes=("pk", "sk"))
        return self._table.delete_many(row for row in found if row != activity)


def _change(old: Batch, new: Batch, condition: Condition | None = None) -> Update:
    """Returns the write that replaces a revision of a batch by the next one.

    Only changed attributes are written: workers add to `done`, and a recount changes `stats_epoch`, without a new
    revision.
    """
    before, after = to_item(old), to_item(new)
    changed: dict[str, Any] = {name: value for name, value in after.items() if value != before[name]}
    is_current = equals("revision", old.revision)
    return Update(
        keys.batch(old.rows, old.batch_id),
        UpdateExpression(set=changed),
        is_current if condition is None else all_of(is_current, condition),
        lambda _: VersionConflict(),
        applied_as_revision(old.revision),
    )


def _is_missing(row: Item | None) -> bool | None:
    """The evidence of a removal: no other batch gets the same id, so a missing row proves it."""
    return True if row is None else None


def _with_tallies(rows: Iterator[Item]) -> Iterator[Found]:
    """Yields batches with their progress. In descending order, the row of the progress comes before its batch."""
    tally: Item | None = None
    for row in rows:
        if keys.parse_batch_key(row["sk"]) is None:
            tally = row
        else:
            yield Found(from_item(row), tally)
            tally = None
