"""Objects in their table: which rows there are, and what each write is conditioned on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

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
from chalicelib.aws.dynamodb.writes import Delete, Put, Update
from chalicelib.core.errors import ApiError
from chalicelib.objects.errors import ObjectNotFound
from chalicelib.objects.stored_object import StoredObject, from_item, to_item

# So many rows are read at first, as long as nobody knows how large they are, and so much at once from then on.
HYDRATED_FIRST = 25
HYDRATED_AT_ONCE = 100
HYDRATED_BYTES = 4_000_000
# No id of ours is longer, and DynamoDB takes no keys of more than 1 KB, nor empty ones.
LONGEST_ID = 64


class ObjectStore:
    """The objects of every bucket, one partition each."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def has_any(self, bucket_id: str) -> bool:
        """Whether the bucket holds an object, in one strongly consistent read."""
        return self._table.count(equals("bucket_id", bucket_id), limit=1) > 0

    def find(self, partition: str, bucket_id: str, object_id: str) -> StoredObject | None:
        """The object, hidden or not, as of now."""
        found = self.find_any(bucket_id, object_id)
        return found if found is not None and found.partition == partition else None

    def find_any(self, bucket_id: str, object_id: str) -> StoredObject | None:
        """The object of these keys, whosever it is: for what works on all."""
        row = self._table.get(_key(bucket_id, object_id)) if _is_possible(object_id) else None
        return from_item(row) if row is not None else None

    def add(self, new: StoredObject) -> StoredObject | None:
        """Writes a new object, or gives back the one that has its id already."""
        in_the_way: list[Item | None] = []

        def occupied(row: Item | None) -> ApiError:
            in_the_way.append(row)
            return VersionConflict()

        try:
            self._table.write(Put(to_item(new), absent("object_id"), occupied))
        except VersionConflict:
            row = in_the_way[0]
            if row is None or row["ns"] != new.partition:
                raise
            return from_item(row)
        return None

    def replace(self, old: StoredObject, new: StoredObject) -> None:
        """Writes the new state over the old one. Raises VersionConflict where that is no longer there."""
        condition = all_of(equals("mark", old.mark), equals("revision", old.revision))
        self._table.write(Put(to_item(new), condition, lambda _: VersionConflict()))

    def remove(self, partition: str, bucket_id: str, object_id: str, *, found: StoredObject | None = None) -> None:
        """Removes the row for good, in the state that was found if one is given.

        Raises ObjectNotFound, or VersionConflict where there is another state.
        """
        if not _is_possible(object_id):
            raise ObjectNotFound(object_id)
        condition = equals("ns", partition)
        if found is not None:
            condition = all_of(condition, equals("mark", found.mark), equals("revision", found.revision))

        def refused(row: Item | None) -> ApiError:
            there = row is not None and row["ns"] == partition
            return VersionConflict() if there else ObjectNotFound(object_id)

        self._table.write(Delete(_key(bucket_id, object_id), condition, refused))

    def hide(self, partition: str, bucket_id: str, object_id: str, mark: Mapping[str, Any], now: str) -> bool:
        """Soft-deletes an object: it stays, and leaves both indexes. Whether there was one to hide."""
        if not _is_possible(object_id):
            return False
        update = UpdateExpression(
            set={"soft_deleted": dict(mark), "updated_at": now, "created_key": None, "size_key": None},
            add={"revision": 1},
        )
        condition = all_of(equals("ns", partition), absent("soft_deleted"))
        step = Update(_key(bucket_id, object_id), update, condition, lambda _: ObjectNotFound(object_id))
        try:
            self._table.write(step)
        except ObjectNotFound:
            return False
        return True

    def ids_of_content(self, bucket_id: str, size_key: str) -> Iterator[str]:
        """Ids of objects with exactly this content, from an index that is seconds behind at most."""
        where = all_of(equals("bucket_id", bucket_id), equals("size_key", size_key))
        return (row["object_id"] for row in self._table.query(where, page_size=10, index="by_size"))

    def ids_by_age(
        self, bucket_id: str, *, descending: bool, after: str | None = None, at_most: int | None = None
    ) -> Iterator[str]:
        """Ids in the order of creation, after a `created_key` if one is given; seconds behind at most.

        `at_most` says how many will be taken, which sets the size of the first read. Raises DeadlineExceeded.
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
        """Whether a request that still reads has used up its time."""
        return self._table.deadline_expired()

    def many(self, bucket_id: str, ids: Iterable[str], *, wanted: int | None = None) -> Iterator[StoredObject]:
        """The objects of these ids, in their order, those that are gone left out; `wanted` says how many will be taken.

        Read lazily: whoever stops early has had at most a few megabytes read in vain. Raises DeadlineExceeded once
        some were read, and the next would be read late.
        """
        remaining, count, size, begun = iter(ids), 0, 0, False
        at_once = min(HYDRATED_FIRST, wanted or HYDRATED_FIRST)
        while chunk := list(islice(remaining, at_once)):
            if begun:
                self._table.raise_if_expired()
            begun = True
            rows = {row["object_id"]: row for row in self._table.get_many(_key(bucket_id, id_) for id_ in chunk)}
            for stored in (from_item(rows[id_]) for id_ in chunk if id_ in rows):
                count, size = count + 1, size + stored.stored_bytes
                yield stored
            at_once = HYDRATED_AT_ONCE
            if count:  # an index may name many that are gone, and says nothing of those behind them
                still = max(1, wanted - count) if wanted else at_once
                at_once = max(1, min(at_once, still, HYDRATED_BYTES * count // size))

    def remove_some(self, bucket_id: str, at_most: int) -> int:
        """Removes so many of the bucket's objects at most, and a megabyte, hidden ones too, and says how many."""
        named = ("bucket_id", "object_id")
        return self._table.delete_many(
            self._table.query_page(equals("bucket_id", bucket_id), at_most, attributes=named)
        )

    def walk(self, bucket_id: str) -> Iterator[StoredObject]:
        """Every object, hidden ones too, in the order of ids, strongly consistent. Raises DeadlineExceeded."""
        return map(from_item, self._table.query(equals("bucket_id", bucket_id), check_deadline=True))


def _key(bucket_id: str, object_id: str) -> dict[str, str]:
    return {"bucket_id": bucket_id, "object_id": object_id}


def _is_possible(object_id: str) -> bool:
    return 0 < len(object_id) <= LONGEST_ID
