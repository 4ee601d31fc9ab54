"""Reads and writes the rows of objects. Each write has a condition on the current row."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from chalicelib import keys
from chalicelib.aws.dynamodb.attribute_values import Item
from chalicelib.aws.dynamodb.expressions import (
    UpdateExpression,
    absent,
    all_of,
    equals,
    greater_than,
    less_than,
)
from chalicelib.aws.dynamodb.optimistic_lock import VersionConflict
from chalicelib.aws.dynamodb.table import Table
from chalicelib.aws.dynamodb.writes import Delete, Put, Step, Update, applied_as_revision, no_evidence
from chalicelib.core.errors import ApiError
from chalicelib.objects.errors import ObjectNotFound
from chalicelib.objects.ordered_reading import rows_in_order
from chalicelib.objects.stored_object import StoredObject, from_item, to_item

# BatchGetItem reads at most 100 rows.
MAX_READ_ROWS = 100
# No object id is longer. DynamoDB rejects sort keys of more than 1 KB, and empty ones.
MAX_OBJECT_ID_CHARS = 64

# Returns the writes in another table that belong to the write of an object. The second argument is the object that is
# replaced, or None for a new one.
Companions = Callable[[StoredObject, StoredObject | None], Sequence[Step]]


def uses_of_uploads(new: StoredObject, old: StoredObject | None) -> Sequence[Step]:
    """Returns the writes in the catalog for the files of uploads that an object begins to share. These are Companions.

    The condition of a write is that the upload still has its file.
    """
    before = {blob.key for blob in old.blobs} if old is not None else set()
    added = {blob.upload_id for blob in new.blobs if blob.upload_id is not None and blob.key not in before}
    if not added:
        return ()
    from chalicelib.blobs.sharing import Use

    uploads = keys.uploads(new.partition, new.bucket_id)
    uses = (Use(uploads, upload_id, new.object_id, new.mark, new.revision) for upload_id in sorted(added))
    return [step for use in uses for step in use.steps()]


class ObjectStore:
    """The objects of all buckets. Each bucket is a partition of the table."""

    def __init__(self, table: Table, *, companions: tuple[Table, Companions] | None = None) -> None:
        self._table = table
        self._companions = companions

    @property
    def table(self) -> Table:
        """The table of all objects."""
        return self._table

    def with_companions(self, table: Table, companions: Companions) -> ObjectStore:
        """The same store, but `add` and `replace` apply further writes, in `table`, in the same transaction.

        They replace those of this store. If the condition of one of them fails, its error is raised, and the object is
        not written.
        """
        return ObjectStore(self._table, companions=(table, companions))

    def has_any(self, bucket_id: str) -> bool:
        """Whether the bucket has any object. Strongly consistent."""
        return self._table.count(equals("bucket_id", bucket_id), limit=1) > 0

    def find(self, partition: str, bucket_id: str, object_id: str) -> StoredObject | None:
        """The object, also if it is soft-deleted; None if it does not exist. Strongly consistent."""
        found = self.find_any(bucket_id, object_id)
        return found if found is not None and found.partition == partition else None

    def find_any(self, bucket_id: str, object_id: str) -> StoredObject | None:
        """The object, whatever its namespace. Only for code that handles all namespaces."""
        row = self._table.get(_key(bucket_id, object_id)) if _is_valid_id(object_id) else None
        return from_item(row) if row is not None else None

    def existing(self, partition: str, bucket_id: str, object_ids: Iterable[str]) -> set[str]:
        """The ids among these whose objects exist and are not soft-deleted. Strongly consistent.

        Raises DeadlineExceeded.
        """
        found: set[str] = set()
        remaining = filter(_is_valid_id, object_ids)
        while chunk := list(islice(remaining, MAX_READ_ROWS)):
            self._table.raise_if_expired()
            keys = (_key(bucket_id, object_id) for object_id in chunk)
            rows = self._table.get_many(keys, attributes=("object_id", "ns", "soft_deleted"))
            found |= {row["object_id"] for row in rows if row["ns"] == partition and "soft_deleted" not in row}
        return found

    def add(self, new: StoredObject) -> StoredObject | None:
        """Writes a new object. Returns None, or the existing object that has its id.

        Raises VersionConflict if the id is taken and the existing object cannot be returned, and OutcomeUnknown if
        the response was lost and the row no longer shows whether the object was created.
        """
        existing: list[Item | None] = []

        def id_taken(row: Item | None) -> ApiError:
            existing.append(row)
            return VersionConflict()

        def was_created(row: Item | None) -> bool | None:
            # Without the row, another request may have deleted it, and must not see it again.
            return True if row is not None and row.get("mark") == new.mark else None

        try:
            self._put(Put(to_item(new), absent("object_id"), id_taken, was_created), new, None)
        except VersionConflict:
            row = existing[0]
            if row is None or row["ns"] != new.partition:
                raise
            return from_item(row)
        return None

    def replace(self, old: StoredObject, new: StoredObject) -> None:
        """Replaces the old revision by the new one. Raises VersionConflict if the row has another revision.

        Raises OutcomeUnknown if the response was lost and the row has been changed since by others.
        """
        condition = all_of(equals("mark", old.mark), equals("revision", old.revision))
        was_applied = applied_as_revision(old.revision, lambda row: bool(row.get("mark", "") == old.mark))
        self._put(Put(to_item(new), condition, lambda _: VersionConflict(), was_applied), new, old)

    def _put(self, put: Put, new: StoredObject, old: StoredObject | None) -> None:
        more: Sequence[tuple[Table, Step]] = ()
        if self._companions is not None:
            table, companions = self._companions
            more = [(table, step) for step in companions(new, old)]
        if more:
            self._table.transact([put], before=more)
        else:
            self._table.write(put)

    def remove(self, partition: str, bucket_id: str, object_id: str, *, found: StoredObject | None = None) -> None:
        """Deletes the row; with `found`, only if it still has that revision.

        Raises ObjectNotFound, VersionConflict if the row has another revision, or OutcomeUnknown if the response was
        lost, `found` is not given, and an object has the id.
        """
        if not _is_valid_id(object_id):
            raise ObjectNotFound(object_id)
        condition = equals("ns", partition)
        if found is not None:
            condition = all_of(condition, equals("mark", found.mark), equals("revision", found.revision))

        def condition_failed(row: Item | None) -> ApiError:
            exists = row is not None and row["ns"] == partition
            return VersionConflict() if exists else ObjectNotFound(object_id)

        def was_deleted(row: Item | None) -> bool | None:
            if row is None:
                return True
            # Without the mark of the deleted object, an object with its id may be the same one or a later one.
            return row.get("mark", "") != found.mark if found is not None else None

        self._table.write(Delete(_key(bucket_id, object_id), condition, condition_failed, was_deleted))

    def soft_delete(self, partition: str, bucket_id: str, object_id: str, details: Mapping[str, Any], now: str) -> bool:
        """Soft-deletes an object: its row remains, but is in neither index. Returns False if there is no such object.

        `details` is stored in the row, with the state, reason, source and time.
        """
        if not _is_valid_id(object_id):
            return False
        update = UpdateExpression(
            set={"soft_deleted": dict(details), "updated_at": now, "created_key": None, "size_key": None},
            add={"revision": 1},
        )
        condition = all_of(equals("ns", partition), absent("soft_deleted"))
        # A later object may have the same id, and must not be soft-deleted by a repeated write.
        write = Update(_key(bucket_id, object_id), update, condition, lambda _: ObjectNotFound(object_id), no_evidence)
        try:
            self._table.write(write)
        except ObjectNotFound:
            return False
        return True

    def ids_of_content(self, bucket_id: str, size_key: str) -> Iterator[str]:
        """The ids of objects with this size and content hash. Eventually consistent."""
        where = all_of(equals("bucket_id", bucket_id), equals("size_key", size_key))
        return (row["object_id"] for row in self._table.query(where, page_size=10, index="by_size"))

    def ids_by_creation(
        self, bucket_id: str, *, descending: bool, after: str | None = None, at_most: int | None = None
    ) -> Iterator[str]:
        """The ids of objects in the order of creation, after a `created_key` if one is given. Eventually consistent.

        `at_most` is how many the caller needs, which sets the size of the first read. Raises DeadlineExceeded.
        """
        where = [equals("bucket_id", bucket_id)]
        if after is not None:
            where.append(less_than("created_key", after) if descending else greater_than("created_key", after))
        page_size = min(at_most, 1000) if at_most else None
        rows = self._table.query(
            all_of(*where), page_size=page_size, index="by_created", descending=descending, check_deadline=True
        )
        for row in rows:
            yield row["object_id"]

    def deadline_expired(self) -> bool:
        """Whether the time limit of the request has passed."""
        return self._table.deadline_expired()

    def many(
        self,
        bucket_id: str,
        ids: Iterable[str],
        *,
        wanted: int | None = None,
        expected: Callable[[], int] | None = None,
    ) -> Iterator[StoredObject]:
        """The objects with these ids, in this order, except those that do not exist.

        Reads lazily, so that a caller that stops early wastes a few megabytes, unless the objects suddenly become much
        larger. `wanted` is how many objects the caller needs, and `expected` returns how many more it will probably
        need; with either of them, several calls read at a time. Raises DeadlineExceeded if the time limit of the
        request has passed, but not before the first read.
        """
        rows = rows_in_order(self._table, bucket_id, ids, wanted=wanted, expected=expected)
        return self._table.until_deadline(map(from_item, rows))

    def remove_some(self, bucket_id: str, at_most: int) -> int:
        """Deletes up to `at_most` rows of the bucket, or up to 1 MB, including soft-deleted ones. Returns how many."""
        key_attributes = ("bucket_id", "object_id")
        return self._table.delete_many(
            self._table.query_page(equals("bucket_id", bucket_id), at_most, attributes=key_attributes)
        )

    def walk(self, bucket_id: str, *, after: str | None = None, page_size: int | None = None) -> Iterator[StoredObject]:
        """All objects, also soft-deleted ones, in the order of ids, from the one after the id `after` on.

        Strongly consistent. `page_size` is the number of rows that are read at a time. Raises DeadlineExceeded.
        """
        where = [equals("bucket_id", bucket_id)]
        if after is not None:
            where.append(greater_than("object_id", after))
        rows = self._table.query(all_of(*where), page_size=page_size, check_deadline=True)
        return self._table.until_deadline(map(from_item, rows))


def _key(bucket_id: str, object_id: str) -> dict[str, str]:
    return {"bucket_id": bucket_id, "object_id": object_id}


def _is_valid_id(object_id: str) -> bool:
    return 0 < len(object_id) <= MAX_OBJECT_ID_CHARS
