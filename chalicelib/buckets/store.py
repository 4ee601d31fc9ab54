"""Buckets in the catalog table: which rows there are, and what each write is conditioned on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from chalicelib import keys
from chalicelib.aws.dynamodb.expressions import (
    Condition,
    UpdateExpression,
    absent,
    all_of,
    any_of,
    begins_with,
    between,
    contains,
    equals,
    exists,
    greater_than,
    less_than,
)
from chalicelib.aws.dynamodb.optimistic_lock import VersionConflict
from chalicelib.aws.dynamodb.table import Table
from chalicelib.aws.dynamodb.writes import Delete, Put, Step, Update
from chalicelib.buckets.bucket import DELETING, Bucket, from_item, texts, to_item
from chalicelib.buckets.errors import BucketNameTaken
from chalicelib.core.text import fold
from chalicelib.namespaces.errors import NamespaceNotActive, NamespaceNotFound
from chalicelib.stats.models import EMPTY_TALLY, Tally, read_tally

SEARCH_TEXT_BYTES = 2048
# Ends a search text that was cut short: such a row is always read whole before it is judged.
CUT = "\x01"
HYDRATED_AT_ONCE = 50
# DynamoDB takes expressions of 4 KB, and sort keys of 1 KB; what is left out of a question only lets more through.
ASKED_NEEDLES = 10
ASKED_PREFIX = 200


@dataclass(frozen=True, slots=True)
class Totals:
    """How many buckets a namespace has, and the totals of all of them."""

    bucket_count: int
    tally: Tally


class BucketStore:
    """The buckets of every namespace, one partition each."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def add(self, partition: str, bucket: Bucket, *, adapters: int | None = None) -> None:
        """Adds a bucket under its name, or refuses: BucketNameTaken, NamespaceNotFound, VersionConflict.

        `adapters` is the revision of the namespace's adapters that the bucket's own was checked against.
        """
        self._table.transact(
            [
                _claim(partition, bucket),
                Put(_row(partition, bucket), absent("pk")),
                Update(
                    keys.totals(partition),
                    UpdateExpression(add={"bucket_count": 1}),
                    all_of(exists("pk"), absent("closed")),
                    lambda row: NamespaceNotActive() if row else NamespaceNotFound(partition.partition(".")[2]),
                ),
                *_next_adapters(partition, adapters),
            ]
        )

    def replace(self, partition: str, old: Bucket, new: Bucket, *, adapters: int | None = None) -> None:
        """Writes the new state over the old one, or refuses: VersionConflict, BucketNameTaken.

        `adapters` is the revision of the namespace's adapters that a new one was checked against.
        """
        put = Put(_row(partition, new), equals("revision", old.revision), lambda _: VersionConflict())
        steps: list[Step] = [*_renamed(partition, old, new), put, *_next_adapters(partition, adapters)]
        if len(steps) == 1:
            self._table.write(put)
        else:
            self._table.transact(steps)

    def close(self, partition: str, old: Bucket, closed: Bucket, *more: Step) -> None:
        """Writes the state of a bucket that is being deleted, and frees its name if it has one. Raises VersionConflict.

        `more` is written in the same transaction.
        """
        put = Put(_row(partition, closed), equals("revision", old.revision), lambda _: VersionConflict())
        freed = [_freed(partition, old)] if old.deletion_task is None else []
        self._table.transact([put, *freed, *more])

    def counted(self, partition: str, bucket_id: str) -> int:
        """The revision of the bucket's tally: it is another one once an object more or less has been counted."""
        return read_tally(self._table.get(keys.bucket_tally(partition, bucket_id))).revision

    def remove(self, partition: str, bucket_id: str, counted: int) -> None:
        """Removes a bucket that is being deleted, its tally, and one from its namespace's count; once, if repeated.

        `counted` is the revision of its tally. Raises VersionConflict where that is another one.
        """
        gone = Delete(keys.bucket(partition, bucket_id), equals("status", DELETING), lambda _: VersionConflict())
        unmoved = equals("revision", counted) if counted else absent("pk")
        tally = Delete(keys.bucket_tally(partition, bucket_id), unmoved, lambda _: VersionConflict())
        fewer = Update(keys.totals(partition), UpdateExpression(add={"bucket_count": -1}), exists("pk"))
        try:
            self._table.transact([gone, tally, fewer])
        except VersionConflict:
            if self.find(partition, bucket_id) is not None:
                raise

    def first_id(self, partition: str) -> str | None:
        """The id of the namespace's oldest bucket, if it has any."""
        return next(self._ids(partition, exists("bucket_name"), page=1), None)

    def has_locked(self, partition: str) -> bool:
        """Whether a bucket of the namespace is locked."""
        return next(self._ids(partition, equals("is_locked", True)), None) is not None

    def _ids(self, partition: str, only: Condition, *, page: int | None = None) -> Iterator[str]:
        where = all_of(equals("pk", partition), between("sk", *keys.buckets_range()))
        for row in self._table.query(where, only=only, page=page, attributes=("bucket_id",)):
            yield row["bucket_id"]

    def adapters_revision(self, partition: str) -> int:
        """How often adapters that name source buckets were stored in the namespace."""
        row = self._table.get(keys.adapters(partition))
        return row["revision"] if row else 0

    def find(self, partition: str, bucket_id: str) -> Bucket | None:
        """The bucket and its tally, in one strongly consistent read."""
        first = keys.bucket(partition, bucket_id)["sk"]
        last = keys.bucket_tally(partition, bucket_id)["sk"]
        rows = self._table.query(all_of(equals("pk", partition), between("sk", first, last)))
        return next(_paired(rows, descending=False), None)

    def find_id(self, partition: str, name: str) -> str | None:
        """The id of the bucket that carries a name."""
        claim = self._table.get(keys.bucket_name(partition, name))
        return claim["bucket_id"] if claim else None

    def totals(self, partition: str) -> Totals:
        """The namespace's totals, in one read."""
        rows = self._table.query(all_of(equals("pk", partition), begins_with("sk", "#T")))
        by_key = {row["sk"]: row for row in rows}
        count = by_key.get(keys.totals(partition)["sk"], {}).get("bucket_count", 0)
        return Totals(count, read_tally(by_key.get(keys.namespace_tally(partition)["sk"])))

    def walk(
        self, partition: str, *, descending: bool, after: str | None = None, at_most: int | None = None
    ) -> Iterator[Bucket]:
        """Buckets in the order of their ids, which is that of their creation, after an id if one is given.

        `at_most` says how many will be taken, so that the first read is neither short nor long.
        """
        page = min(2 * at_most + 1, 1000) if at_most else None
        rows = self._table.query(
            all_of(equals("pk", partition), _beyond(partition, after, descending=descending)),
            page=page,
            descending=descending,
        )
        return (bucket for bucket in _paired(rows, descending=descending) if bucket.bucket_id != after)

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
        """Folded names with ids, in their order, from an index that is seconds behind at most.

        `prefix` is of the folded name; `needles` are folded pieces that a row's text must hold. Both
        may let through too much (the index knows a text only up to a size), never too little.
        `at_most` says how many will be taken, so that the first read is neither short nor long.
        """
        where = [equals("ns", partition)]
        if after is not None:
            where.append(less_than("name_key", after) if descending else greater_than("name_key", after))
        elif prefix:
            where.append(begins_with("name_key", prefix[:ASKED_PREFIX]))
        page = min(at_most, 1000) if at_most else None
        only = _holding(needles)
        for row in self._table.query(all_of(*where), only=only, page=page, index="by_name", descending=descending):
            yield row["name_key"]

    def many(self, partition: str, ids: Iterable[str], *, at_once: int = HYDRATED_AT_ONCE) -> Iterator[Bucket]:
        """The buckets of these ids, in their order, those that are gone left out; read lazily."""
        remaining = iter(ids)
        while chunk := list(islice(remaining, min(at_once, HYDRATED_AT_ONCE))):
            wanted = [key(partition, id_) for id_ in chunk for key in (keys.bucket, keys.bucket_tally)]
            rows = {row["sk"]: row for row in self._table.get_many(wanted)}
            for id_ in chunk:
                row = rows.get(keys.bucket(partition, id_)["sk"])
                if row is not None:
                    yield from_item(row, read_tally(rows.get(keys.bucket_tally(partition, id_)["sk"])))


def _claim(partition: str, bucket: Bucket) -> Step:
    item = {**keys.bucket_name(partition, bucket.name), "bucket_id": bucket.bucket_id}
    return Put(item, absent("pk"), lambda row: BucketNameTaken(bucket.name, row.get("bucket_id") if row else None))


def _renamed(partition: str, old: Bucket, new: Bucket) -> list[Step]:
    if new.name == old.name:
        return []
    return [_claim(partition, new), _freed(partition, old)]


def _freed(partition: str, old: Bucket) -> Step:
    claim = keys.bucket_name(partition, old.name)
    return Delete(claim, equals("bucket_id", old.bucket_id), lambda _: VersionConflict())


def _next_adapters(partition: str, revision: int | None) -> list[Step]:
    """What keeps the graph of adapters still between its check and this write."""
    if revision is None:
        return []
    row = {**keys.adapters(partition), "revision": revision + 1}
    unmoved = equals("revision", revision) if revision else absent("pk")
    return [Put(row, unmoved, lambda _: VersionConflict())]


def _row(partition: str, bucket: Bucket) -> dict[str, Any]:
    return {
        **keys.bucket(partition, bucket.bucket_id),
        **to_item(bucket),
        "ns": partition,
        "name_key": keys.name_key(fold(bucket.name), bucket.bucket_id),
        "search_text": search_text(texts(bucket)),
    }


def search_text(texts_: Iterable[str]) -> str:
    """Folded texts as the index keeps them; one that is cut short ends in `CUT`."""
    text = fold("\n".join(text for text in texts_ if text))
    encoded = text.encode()
    if len(encoded) <= SEARCH_TEXT_BYTES:
        return text
    return encoded[:SEARCH_TEXT_BYTES].decode(errors="ignore") + CUT


def _holding(needles: Iterable[str]) -> Condition | None:
    telling = sorted(set(needles), key=lambda needle: (-len(needle), needle))[:ASKED_NEEDLES]
    wanted = [contains("search_text", needle) for needle in telling]
    return any_of(all_of(*wanted), contains("search_text", CUT)) if wanted else None


def _beyond(partition: str, after: str | None, *, descending: bool) -> Condition:
    first, last = keys.buckets_range()
    if after is None:
        return between("sk", first, last)
    if descending:  # a bucket's tally sorts right behind it, and the bucket itself is left out by the walk
        return between("sk", first, keys.bucket(partition, after)["sk"])
    return between("sk", keys.bucket_tally(partition, after)["sk"] + "\0", last)


def _paired(rows: Iterable[Mapping[str, Any]], *, descending: bool) -> Iterator[Bucket]:
    """Buckets with the tallies that stand beside them: behind the bucket going up, before it going down."""
    held: Bucket | None = None
    tally = EMPTY_TALLY
    tallied = ""
    for row in rows:
        if "bucket_name" not in row:
            tally, tallied = read_tally(row), row["sk"]
            if held is not None and keys.is_tally_of(tallied, held.bucket_id):
                yield held.with_tally(tally)
                held = None
            continue
        if held is not None:
            yield held
            held = None
        if descending:
            own = keys.is_tally_of(tallied, row["bucket_id"])
            yield from_item(row, tally if own else EMPTY_TALLY)
        else:
            held = from_item(row)
    if held is not None:
        yield held
