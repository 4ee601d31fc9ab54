"""Keeps the progress of batches up to date from the catalog table's stream."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from chalicelib import keys
from chalicelib.batches.progress import ChunkChange, chunk_totals
from chalicelib.batches.progress_store import BatchRef, ProgressStore, batch_of_chunk
from chalicelib.stats.consumers import WorkItem
from chalicelib.stats.dead_letters import DeadLetters
from chalicelib.stats.grouping import Group, grouped
from chalicelib.stats.images import InvalidRow, Record, images_of, sequence_of, text_or_none
from chalicelib.stats.stream_records import UnreadableRecord, unreadable


@dataclass(frozen=True, slots=True)
class ProgressFeed:
    """Folds the states of chunks into the progress of their batches: a consumer of the catalog table's stream."""

    store: ProgressStore
    dead_letters: DeadLetters

    def work(self, records: Sequence[Record], shard: str) -> Iterator[WorkItem]:
        """Yields one action for each batch in these records whose progress changes."""
        for batch, found in grouped(_changes(records, shard)).items():
            yield WorkItem(found.first, partial(self._fold, batch, found))

    def _fold(self, batch: BatchRef, found: Group[ChunkChange]) -> None:
        for each in found.unreadable:
            self.dead_letters.add(each)
        self.store.fold(batch, found.changes)


def _changes(
    records: Sequence[Record], shard: str
) -> Iterator[tuple[BatchRef, Record, ChunkChange | UnreadableRecord]]:
    """Yields the batch, the record and the change of each chunk whose outcomes have changed."""
    for record in records:
        batch = batch_of_chunk(record["dynamodb"].get("Keys"))
        change = None if batch is None else read_chunk_change(record, shard)
        if batch is not None and change is not None:
            yield batch, record, change


def read_chunk_change(record: Record, shard: str) -> ChunkChange | UnreadableRecord | None:
    """Returns the change in the record of a chunk, or None if no outcome has changed, for example for a lease."""
    old, new = images_of(record)
    try:
        change = ChunkChange(chunk_totals(old), chunk_totals(new), shard, sequence_of(record))
    except InvalidRow as error:
        pk = text_or_none(record["dynamodb"].get("Keys"), "pk") or ""
        ns, bucket_id = keys.parse_batches_partition(pk) or (None, None)
        return unreadable(record, shard, ns, bucket_id, error)
    return change if change.has_effect else None
