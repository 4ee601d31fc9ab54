"""The resources that have a tally: buckets, with objects and batches as members, and namespaces, with buckets.

The fold, the verification and the recount use the protocol `Aggregate` and work the same way for both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from chalicelib import keys
from chalicelib.aws.dynamodb.attribute_values import Item, encode
from chalicelib.aws.dynamodb.expressions import (
    Condition,
    UpdateExpression,
    absent,
    all_of,
    any_of,
    between,
    equals,
    exists,
    less_than,
)
from chalicelib.aws.dynamodb.optimistic_lock import VersionConflict
from chalicelib.aws.dynamodb.table import Table
from chalicelib.aws.dynamodb.writes import Key, Update
from chalicelib.core.log import ERROR, log
from chalicelib.stats.images import Image, InvalidRow
from chalicelib.stats.stream_records import Contribution, batch_contribution, object_contribution, tally_contribution
from chalicelib.stats.tally_row import Extreme

OBJECT_ATTRIBUTES = ("object_id", "epoch", "size_bytes", "status", "created_at", "soft_deleted")
BATCH_ATTRIBUTES = ("sk", "stats_epoch", "status", "is_removed")
TALLY_ATTRIBUTES = (
    "sk",
    "belongs_to",
    "object_count",
    "total_size_bytes",
    "failed_object_count",
    "last_upload_at",
)
# The index is eventually consistent and may still list deleted objects, so each query asks for more than one row.
INDEX_PAGE_SIZE = 5

Extremes = tuple[Extreme | None, Extreme | None]


class Aggregate(Protocol):
    """A resource that has a tally: a bucket or a namespace."""

    @property
    def key(self) -> Key:
        """The key of the tally's row."""

    @property
    def owner_key(self) -> Key:
        """The key of the row that must exist before a tally may be created."""

    def contributions(self) -> Iterator[tuple[str, Contribution]]:
        """Reads every member that is counted, as pairs of its id and its contribution.

        The read is strongly consistent.
        """

    def move_to_epoch(self, member: str, epoch: int) -> None:
        """Raises the epoch of a member. Does nothing if its epoch is not lower or it has been deleted.

        The revision of the member stays the same.
        """

    def extremes(self, *known: Extreme | None) -> Extremes:
        """The largest and the smallest member, found among `known` and in an eventually consistent index."""

    def remove_members(self, members: Iterable[str]) -> None:
        """Deletes members that were written while their aggregate was being deleted."""


@dataclass(frozen=True, slots=True)
class BucketAggregate:
    """A bucket. Its members are its objects, identified by their ids, and its batches, by their sort keys."""

    catalog: Table
    objects: Table
    ns: str
    bucket_id: str

    @property
    def key(self) -> Key:
        """The key of the bucket's tally."""
        return keys.bucket_tally(self.ns, self.bucket_id)

    @property
    def owner_key(self) -> Key:
        """The key of the bucket."""
        return keys.bucket(self.ns, self.bucket_id)

    def contributions(self) -> Iterator[tuple[str, Contribution]]:
        """The objects of the bucket, without those that are soft-deleted, and then its batches."""
        yield from self._objects()
        yield from self._batches()

    def _objects(self) -> Iterator[tuple[str, Contribution]]:
        for row in self.objects.query(equals("bucket_id", self.bucket_id), attributes=OBJECT_ATTRIBUTES):
            contribution = _read(object_contribution, row)
            if contribution is not None:
                yield row["object_id"], contribution

    def _batches(self) -> Iterator[tuple[str, Contribution]]:
        condition = all_of(equals("pk", keys.batches(self.ns, self.bucket_id)), between("sk", *keys.batches_range()))
        for row in self.catalog.query(condition, attributes=BATCH_ATTRIBUTES):
            if is_batch(row["sk"]):
                contribution = _read(batch_contribution, row)
                if contribution is not None:
                    yield row["sk"], contribution

    def move_to_epoch(self, member: str, epoch: int) -> None:
        """Raises the epoch of an object or a batch."""
        if is_batch(member):
            _raise_epoch(self.catalog, self._batch(member), exists("status"), "stats_epoch", epoch)
        else:
            _raise_epoch(self.objects, self._row(member), exists("object_id"), "epoch", epoch)

    def remove_members(self, members: Iterable[str]) -> None:
        """Deletes objects and batches whose bucket has been deleted."""
        found = set(members)
        batches = {member for member in found if is_batch(member)}
        self.objects.delete_many(map(self._row, found - batches))
        self.catalog.delete_many(map(self._batch, batches))

    def extremes(self, *known: Extreme | None) -> Extremes:
        """The largest and the smallest object. Each is read from the table, which confirms its size."""
        confirmed = [extreme for extreme in known if extreme is not None and self._is_current(extreme)]
        largest = [*confirmed, *self._first_of_index(descending=True)]
        smallest = [*confirmed, *self._first_of_index(descending=False)]
        return max(largest, default=None, key=_size), min(smallest, default=None, key=_size)

    def _first_of_index(self, *, descending: bool) -> Iterator[Extreme]:
        """The first object in the order of size that still exists with the size that the index has for it."""
        condition = equals("bucket_id", self.bucket_id)
        for row in self.objects.query(condition, page_size=INDEX_PAGE_SIZE, index="by_size", descending=descending):
            extreme = Extreme(int(row["size_key"].partition("#")[0]), row["object_id"])
            if self._is_current(extreme):
                yield extreme
                return

    def _is_current(self, extreme: Extreme) -> bool:
        row = self.objects.get(self._row(extreme.member))
        contribution = _read(object_contribution, row) if row else None
        return contribution is not None and contribution.size == extreme.size

    def _row(self, object_id: str) -> Key:
        return {"bucket_id": self.bucket_id, "object_id": object_id}

    def _batch(self, sort_key: str) -> Key:
        return {"pk": keys.batches(self.ns, self.bucket_id), "sk": sort_key}


@dataclass(frozen=True, slots=True)
class NamespaceAggregate:
    """A namespace. Its members are the tallies of its buckets."""

    catalog: Table
    ns: str

    @property
    def key(self) -> Key:
        """The key of the namespace's tally."""
        return keys.namespace_tally(self.ns)

    @property
    def owner_key(self) -> Key:
        """The key of the row that counts the namespace's buckets. It is created together with the namespace."""
        return keys.totals(self.ns)

    def contributions(self) -> Iterator[tuple[str, Contribution]]:
        """The tallies of the namespace's buckets."""
        condition = all_of(equals("pk", self.ns), between("sk", *keys.buckets_range()))
        for row in self.catalog.query(condition, filter_by=exists("object_count"), attributes=TALLY_ATTRIBUTES):
            contribution, bucket_id = _read(tally_contribution, row), keys.parse_bucket_tally_key(row["sk"])
            if contribution is not None and bucket_id is not None:
                yield bucket_id, contribution

    def move_to_epoch(self, member: str, epoch: int) -> None:
        """Raises the epoch of a bucket's tally."""
        _raise_epoch(self.catalog, keys.bucket_tally(self.ns, member), exists("sk"), "belongs_to", epoch)

    def remove_members(self, members: Iterable[str]) -> None:
        """Does nothing: deleting a bucket deletes its tally."""

    def extremes(self, *known: Extreme | None) -> Extremes:
        """A pair of None: namespaces have no largest or smallest object."""
        return None, None


def is_batch(member: str) -> bool:
    """Returns whether a member of a bucket is a batch. The ids of objects have another prefix."""
    return keys.parse_batch_key(member) is not None


def _read(contribution: Callable[[Image], Contribution | None], row: Item) -> Contribution | None:
    """The contribution of a row. Returns None for a row that cannot be read, which the fold ignores as well."""
    try:
        return contribution(encode(row))
    except InvalidRow as error:
        log(
            "A row that should be counted cannot be read",
            level=ERROR,
            key=row.get("object_id") or row.get("sk"),
            reason=str(error),
        )
        return None


def _raise_epoch(table: Table, key: Key, row_exists: Condition, attribute: str, epoch: int) -> None:
    is_lower = all_of(row_exists, any_of(absent(attribute), less_than(attribute, epoch)))
    update = UpdateExpression(set={attribute: epoch})
    # The condition fails if the member has been deleted or its epoch is not lower. Both need no action, and a
    # repetition does no harm.
    with suppress(VersionConflict):
        table.write(Update(key, update, is_lower, lambda _: VersionConflict(), lambda _: False))


def _size(extreme: Extreme) -> int:
    return extreme.size
