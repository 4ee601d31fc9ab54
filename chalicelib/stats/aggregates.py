"""What has a tally: a bucket, of its objects, and a namespace, of its buckets.

Both are a whole of parts; folding, counting and recounting know no more of them than that.
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
from chalicelib.stats.stream_records import Contribution, Image, InvalidRow, object_contribution, tally_contribution
from chalicelib.stats.tally_row import Extreme

OF_OBJECTS = ("object_id", "epoch", "size_bytes", "status", "created_at", "soft_deleted")
OF_TALLIES = ("sk", "belongs_to", "object_count", "total_size_bytes", "failed_object_count", "last_upload_at")
# An index that is behind may still show what is gone, so a few more than one are asked for.
HEADS = 5

Extremes = tuple[Extreme | None, Extreme | None]


class Aggregate(Protocol):
    """Something that has a tally. `owner_key` is the key of the row without which nothing is tallied."""

    @property
    def key(self) -> Key:
        """The key of the tally."""

    @property
    def owner_key(self) -> Key:
        """The key of the thing itself."""

    def contributions(self) -> Iterator[tuple[str, Contribution]]:
        """Every member that counts, and for what; strongly consistent."""

    def move_to_epoch(self, member: str, epoch: int) -> None:
        """Brings a member into an epoch, unless it is there, beyond it, or gone. Its revision stays."""

    def extremes(self, *held: Extreme | None) -> Extremes:
        """The largest and the smallest member, by an index that is seconds behind, and by those held so far."""

    def remove_members(self, members: Iterable[str]) -> None:
        """Removes members of a whole that is gone."""


@dataclass(frozen=True, slots=True)
class BucketAggregate:
    """A bucket; its parts are its objects."""

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
        """Its objects, those left out that are hidden."""
        for row in self.objects.query(equals("bucket_id", self.bucket_id), attributes=OF_OBJECTS):
            contribution = _read(object_contribution, row)
            if contribution is not None:
                yield row["object_id"], contribution

    def move_to_epoch(self, member: str, epoch: int) -> None:
        """Brings an object into an epoch."""
        _touch(self.objects, self._row(member), exists("object_id"), "epoch", epoch)

    def remove_members(self, members: Iterable[str]) -> None:
        """Removes objects whose bucket is gone."""
        self.objects.remove_many(map(self._row, members))

    def extremes(self, *held: Extreme | None) -> Extremes:
        """Its largest and its smallest object; each was there, of that size, when it was looked at."""
        there = [extreme for extreme in held if extreme is not None and self._is(extreme)]
        largest = [*there, *self._head(descending=True)]
        smallest = [*there, *self._head(descending=False)]
        return max(largest, default=None, key=_size), min(smallest, default=None, key=_size)

    def _head(self, *, descending: bool) -> Iterator[Extreme]:
        where = equals("bucket_id", self.bucket_id)
        for row in self.objects.query(where, page=HEADS, index="by_size", descending=descending):
            extreme = Extreme(int(row["size_key"].partition("#")[0]), row["object_id"])
            if self._is(extreme):
                yield extreme
                return

    def _is(self, extreme: Extreme) -> bool:
        row = self.objects.get(self._row(extreme.member))
        contribution = _read(object_contribution, row) if row else None
        return contribution is not None and contribution.size == extreme.size

    def _row(self, object_id: str) -> Key:
        return {"bucket_id": self.bucket_id, "object_id": object_id}


@dataclass(frozen=True, slots=True)
class NamespaceAggregate:
    """A namespace; its parts are the tallies of its buckets."""

    catalog: Table
    ns: str

    @property
    def key(self) -> Key:
        """The key of the namespace's tally."""
        return keys.namespace_tally(self.ns)

    @property
    def owner_key(self) -> Key:
        """The key of the row that counts its buckets, made with the namespace."""
        return keys.totals(self.ns)

    def contributions(self) -> Iterator[tuple[str, Contribution]]:
        """The tallies of its buckets."""
        where = all_of(equals("pk", self.ns), between("sk", *keys.buckets_range()))
        for row in self.catalog.query(where, only=exists("object_count"), attributes=OF_TALLIES):
            contribution, bucket_id = _read(tally_contribution, row), keys.tallied_bucket(row["sk"])
            if contribution is not None and bucket_id is not None:
                yield bucket_id, contribution

    def move_to_epoch(self, member: str, epoch: int) -> None:
        """Brings the tally of a bucket into an epoch."""
        _touch(self.catalog, keys.bucket_tally(self.ns, member), exists("sk"), "belongs_to", epoch)

    def remove_members(self, members: Iterable[str]) -> None:
        """Nothing: the tally of a bucket goes with its bucket."""

    def extremes(self, *held: Extreme | None) -> Extremes:
        """None: a namespace shows none."""
        return None, None


def _read(contribution: Callable[[Image], Contribution | None], row: Item) -> Contribution | None:
    """What a row counts for. One that cannot be read counts for nothing, as it does for the fold."""
    try:
        return contribution(encode(row))
    except InvalidRow as damage:
        log("A row that should be counted cannot be read", level=ERROR, key=row.get("object_id"), reason=str(damage))
        return None


def _touch(table: Table, key: Key, there: Condition, name: str, epoch: int) -> None:
    older = all_of(there, any_of(absent(name), less_than(name, epoch)))
    # Newer, or gone: either way there is nothing to do.
    with suppress(VersionConflict):
        table.write(Update(key, UpdateExpression(set={name: epoch}), older, lambda _: VersionConflict()))


def _size(extreme: Extreme) -> int:
    return extreme.size
