"""The rows of the chunks of a batch: the ids of its objects, the state of their processing, and failures.

`rows` is the partition key of the bucket's batches, see `keys.batches`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from chalicelib import keys
from chalicelib.aws.dynamodb.attribute_values import Item
from chalicelib.aws.dynamodb.expressions import UpdateExpression, all_of, between, equals
from chalicelib.aws.dynamodb.optimistic_lock import VersionConflict
from chalicelib.aws.dynamodb.table import Table
from chalicelib.aws.dynamodb.writes import Delete, Put, Step, Update, applied_as_revision
from chalicelib.batches.chunk import CHUNK_SIZE, Chunk, from_attributes, new_chunk, to_attributes
from chalicelib.processing.processor import Category

# How many rows a removal reads before it deletes them.
ROWS_PER_CALL = 500


@dataclass(frozen=True, slots=True)
class ItemFailure:
    """Why an object of a batch failed. `attempt` is how many times it was processed; `epoch` is the run that failed."""

    chunk: int
    position: int
    object_id: str
    error: str
    category: Category
    timestamp: str
    attempt: int
    epoch: int


class ChunkStore:
    """The chunks of every batch."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def add(self, rows: str, batch_id: str, object_ids: Sequence[str]) -> None:
        """Stores the objects of a new batch in chunks. May be repeated."""
        self._table.put_many(chunk_rows(rows, batch_id, object_ids))

    def ids(self, rows: str, batch_id: str, chunk: int) -> list[str]:
        """Returns the ids of the objects of a chunk. Empty if the batch has been deleted."""
        row = self._table.get(keys.chunk_ids(rows, batch_id, chunk))
        return list(row["ids"]) if row else []

    def walk_ids(self, rows: str, batch_id: str, *, chunks: int | None = None) -> Iterator[list[str]]:
        """Yields the ids of each chunk of a batch, in order. `chunks` is how many the caller needs."""
        where = all_of(equals("pk", rows), between("sk", *keys.chunk_ids_range(batch_id)))
        for row in self._table.query(where, page_size=chunks):
            yield list(row["ids"])

    def find(self, rows: str, batch_id: str, number: int) -> Chunk | None:
        """Returns the state of a chunk, or None if the batch has been deleted. Strongly consistent."""
        row = self._table.get(keys.chunk(rows, batch_id, number))
        return from_attributes(number, row) if row else None

    def walk(self, rows: str, batch_id: str) -> Iterator[Chunk]:
        """Yields the states of all chunks of a batch, in order. Strongly consistent."""
        where = all_of(equals("pk", rows), between("sk", *keys.chunks_range(batch_id)))
        for row in self._table.query(where):
            parsed = keys.parse_chunk_key(row["sk"])
            assert parsed is not None, "the range contains only states of chunks"
            yield from_attributes(parsed[1], row)

    def replace(self, rows: str, batch_id: str, old: Chunk, new: Chunk, *more: Step) -> Chunk:
        """Replaces a state by the next revision, and returns it. `more` is written in the same transaction.

        Raises VersionConflict if the row has changed.
        """
        new = replace(new, revision=old.revision + 1)
        before, after = to_attributes(old), to_attributes(new)
        changed = {name: value for name, value in after.items() if value != before[name]}
        update = Update(
            keys.chunk(rows, batch_id, old.number),
            UpdateExpression(set=changed),
            equals("revision", old.revision),
            lambda _: VersionConflict(),
            applied_as_revision(old.revision),
        )
        if more:
            self._table.transact([update, *more])
        else:
            self._table.write(update)
        return new

    def failures(self, rows: str, batch_id: str, *, page_size: int | None = None) -> Iterator[ItemFailure]:
        """Yields the failures of a batch, in the order of its objects. Some may belong to earlier runs."""
        where = all_of(equals("pk", rows), between("sk", *keys.item_failures_range(batch_id)))
        for row in self._table.query(where, page_size=page_size):
            yield ItemFailure(**{name: row[name] for name in ItemFailure.__slots__})

    def remove(self, rows: str, batch_id: str) -> None:
        """Deletes all rows of the chunks of a batch. May be repeated."""
        for bounds in (
            keys.chunk_ids_range(batch_id),
            keys.chunks_range(batch_id),
            keys.item_failures_range(batch_id),
        ):
            where = all_of(equals("pk", rows), between("sk", *bounds))
            while found := self._table.query_page(where, ROWS_PER_CALL, attributes=("pk", "sk")):
                self._table.delete_many(found)


def failure_step(rows: str, batch_id: str, failure: ItemFailure) -> Put:
    """Returns the write that stores a failure, and replaces an earlier one of the same object."""
    values: dict[str, Any] = {name: getattr(failure, name) for name in ItemFailure.__slots__}
    return Put({**keys.item_failure(rows, batch_id, failure.chunk, failure.position), **values})


def success_step(rows: str, batch_id: str, chunk: int, position: int) -> Delete:
    """Returns the write that removes the failure of an object that no longer counts as failed."""
    return Delete(keys.item_failure(rows, batch_id, chunk, position))


def chunk_rows(rows: str, batch_id: str, object_ids: Sequence[str], *, first: int = 0) -> Iterator[Item]:
    """Yields the rows of new chunks with these objects. The first chunk has the number `first`."""
    for number, start in enumerate(range(0, len(object_ids), CHUNK_SIZE), first):
        ids = list(object_ids[start : start + CHUNK_SIZE])
        yield {**keys.chunk_ids(rows, batch_id, number), "ids": ids}
        yield {**keys.chunk(rows, batch_id, number), **to_attributes(new_chunk(number, len(ids)))}
