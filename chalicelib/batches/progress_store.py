"""The progress of batches in the catalog table. Only the fold writes it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

from chalicelib import keys
from chalicelib.aws.dynamodb.expressions import UpdateExpression, absent, equals, exists
from chalicelib.aws.dynamodb.optimistic_lock import VersionConflict, revise
from chalicelib.aws.dynamodb.table import Table
from chalicelib.aws.dynamodb.writes import ConditionCheck, Key, Update
from chalicelib.batches.progress import (
    NO_PROGRESS,
    ChunkChange,
    ChunkTotals,
    Progress,
    counted,
    folded,
    from_item,
    to_item,
)
from chalicelib.core.clock import Clock, format_timestamp
from chalicelib.stats.checkpoints import CHECKPOINT_RETENTION
from chalicelib.stats.images import Image, text_or_none


class BatchRef(NamedTuple):
    """A batch, by the partition key of its bucket's batches and its id."""

    batches: str
    batch_id: str

    @property
    def key(self) -> Key:
        """The key of the batch."""
        return keys.batch(*self)

    @property
    def progress_key(self) -> Key:
        """The key of its progress."""
        return keys.batch_tally(*self)


def batch_of_chunk(image: Image | None) -> BatchRef | None:
    """Returns the batch of a chunk, given by the key in its row, or None for another row."""
    pk = text_or_none(image, "pk") or ""
    chunk = keys.parse_chunk_key(text_or_none(image, "sk") or "")
    return None if chunk is None or keys.parse_batches_partition(pk) is None else BatchRef(pk, chunk[0])


@dataclass(frozen=True, slots=True)
class ProgressStore:
    """The progress of all batches. Every method raises Unavailable if DynamoDB cannot serve the request."""

    catalog: Table
    clock: Clock
    pause: Callable[[float], None] = time.sleep

    def fold(self, batch: BatchRef, changes: Iterable[ChunkChange]) -> None:
        """Counts the changes that are not counted yet, in one update. Does nothing if the batch has been deleted."""
        relevant = [change for change in changes if change.has_effect]
        if not relevant:
            return
        moment = self.clock()
        now, oldest = format_timestamp(moment), format_timestamp(moment - CHECKPOINT_RETENTION)
        self._revise(batch, lambda progress: folded(progress, relevant, now=now, oldest_checkpoint=oldest))

    def rebuild(self, batch: BatchRef, chunks: Iterable[ChunkTotals]) -> None:
        """Replaces the progress with the totals of all chunks of the batch, for an engine whose streams start empty.

        Nothing may write or fold meanwhile, and stream records of earlier writes must not be folded afterwards.
        """
        now, totals = format_timestamp(self.clock()), counted(chunks)

        def rebuilt(progress: Progress) -> Progress:
            new = replace(progress, totals=totals, checkpoints={})
            return progress if to_item(new) == to_item(progress) else replace(new, updated_at=now)

        self._revise(batch, rebuilt)

    def _revise(self, batch: BatchRef, updated: Callable[[Progress], Progress]) -> None:
        """Replaces the progress with the result of `updated`, which is called again after each conflicting write."""

        def read() -> Progress | None:
            row = self.catalog.get(batch.progress_key)
            if row is not None:
                return from_item(row)
            return NO_PROGRESS if self.catalog.get(batch.key) is not None else None

        def write(old: Progress | None, new: Progress | None) -> Progress | None:
            return old if old is None or new is None else self._replace(batch, old, new)

        def step(progress: Progress | None) -> Progress | None:
            return None if progress is None else updated(progress)

        revise(read, step, write, self.pause, stored=lambda progress: progress and to_item(progress))

    def _replace(self, batch: BatchRef, old: Progress, new: Progress) -> Progress:
        """Writes the progress. Raises VersionConflict if the row has changed.

        The row is created only with its batch. So a record that arrives after the deletion of a batch leaves no row,
        if the batch is deleted before its progress, or together with it.
        """
        new = replace(new, revision=old.revision + 1)
        condition = equals("revision", old.revision) if old.revision else absent("revision")
        # After a conflict the row is read again, and its checkpoints show what was counted, so no proof is needed.
        changes = UpdateExpression(set=to_item(new))
        update = Update(batch.progress_key, changes, condition, lambda _: VersionConflict(), lambda _: False)
        if old.revision:
            self.catalog.write(update)
        else:
            self.catalog.transact([update, ConditionCheck(batch.key, exists("pk"), lambda _: VersionConflict())])
        return new
