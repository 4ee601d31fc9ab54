"""Buckets in the catalog table: their rows, and the condition of each write.

A bucket has a configuration row, a row that reserves its name, a row for large settings, and, after its first object, a
tally row.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from chalicelib import keys
from chalicelib.aws.dynamodb.attribute_values import Item
from chalicelib.aws.dynamodb.expressions import (
    Condition,
    UpdateExpression,
    absent,
    all_of,
    any_of,
    between,
    equals,
    exists,
)
from chalicelib.aws.dynamodb.optimistic_lock import VersionConflict
from chalicelib.aws.dynamodb.table import Table
from chalicelib.aws.dynamodb.writes import ConditionCheck, Delete, Put, Step, Update, applied_as_revision, no_evidence
from chalicelib.buckets.bucket import ACTIVE, DELETING, Bucket, texts, to_item
from chalicelib.buckets.endpoint_rows import endpoint_row, endpoint_steps
from chalicelib.buckets.errors import BatchesActive, BucketNameTaken
from chalicelib.buckets.rows import BucketRows
from chalicelib.buckets.search_text import search_text
from chalicelib.buckets.settings_rows import digest_of, separate_settings
from chalicelib.core.errors import ApiError
from chalicelib.namespaces.errors import NamespaceNotActive, NamespaceNotFound
from chalicelib.stats.tally import read_tally


class BucketStore:
    """The buckets of all namespaces. Each namespace has a partition of its own."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self.rows = BucketRows(table)

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
                *_settings_steps(partition, None, bucket),
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
            *_settings_steps(partition, old, new),
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
        settings = _settings_steps(partition, old, closed)
        self._table.transact([put, *settings, *released, close, *endpoint_steps(partition, old, None), *more])

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
        settings = Delete(keys.bucket_settings(partition, bucket_id))
        try:
            self._table.transact([bucket, tally, count, activity, settings])
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
        """Returns the bucket with its tally, or None if it does not exist. Strongly consistent."""
        return self.rows.find(partition, bucket_id)

    def find_id(self, partition: str, name: str) -> str | None:
        """Returns the id of the bucket with this name, or None if there is none."""
        reservation = self._table.get(keys.bucket_name(partition, name))
        return reservation["bucket_id"] if reservation else None


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


def _settings_steps(partition: str, old: Bucket | None, new: Bucket) -> list[Step]:
    """Returns the write of the row of the settings, if they are large and have changed, or its removal.

    The condition of the transaction is that of the bucket's row.
    """
    digest, key = digest_of(new.settings), keys.bucket_settings(partition, new.bucket_id)
    has_row = old is not None and old.has_settings_row
    if digest is None:
        return [Delete(key)] if has_row else []
    if has_row and old is not None and digest == digest_of(old.settings):
        return []
    return [Put({**key, **separate_settings(new.settings, digest)})]


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
    none_active = any_of(absent("active"), equals("active", 0))
    # An update needs a condition, and this one is true for every row.
    anything = any_of(absent("closed"), exists("closed"))
    key = keys.batch_activity(keys.batches(partition, bucket_id))
    condition = anything if ends_batches else none_active
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


def items_of(partition: str, bucket: Bucket) -> list[Item]:
    """Returns the bucket's row and, if its settings are large, their row. Raises BucketTooLarge."""
    digest, key = digest_of(bucket.settings), keys.bucket_settings(partition, bucket.bucket_id)
    separate = [{**key, **separate_settings(bucket.settings, digest)}] if digest else []
    return [_row(partition, bucket), *separate]


def _row(partition: str, bucket: Bucket) -> dict[str, Any]:
    return {
        **keys.bucket(partition, bucket.bucket_id),
        **to_item(bucket),
        "ns": partition,
        "name_key": bucket.name_key,
        "search_text": search_text(texts(bucket)),
    }
