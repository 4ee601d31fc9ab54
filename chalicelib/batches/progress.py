"""The progress of a batch: how many of its objects have each outcome.

Its row has totals for each epoch, the number of a run. The fold keeps them up to date from the states of the chunks:
each chunk counts in its own epoch. Outcomes of runs before the batch's `counts_from` are void, so readers add the later
epochs only. An epoch that no chunk has anymore is zero, and is not stored. So the row stays small.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from chalicelib.batches.outcomes import ALL_LETTERS
from chalicelib.batches.totals import NOTHING, ItemTotals
from chalicelib.stats.checkpoints import Checkpoint, checkpoints_after, new_changes
from chalicelib.stats.images import Image, InvalidRow, count, text
from chalicelib.stats.totals import sum_from, totals_after


@dataclass(frozen=True, slots=True)
class ChunkTotals:
    """What a chunk adds to the totals of an epoch."""

    epoch: int
    totals: ItemTotals


@dataclass(frozen=True, slots=True)
class ChunkChange:
    """The change of a chunk in a record of the catalog table. `before` is None if the chunk was created."""

    before: ChunkTotals | None
    after: ChunkTotals | None
    shard: str
    sequence: str

    @property
    def has_effect(self) -> bool:
        """Whether the totals change."""
        return self.before != self.after


@dataclass(frozen=True, slots=True)
class Progress:
    """The stored progress of a batch. Revision 0 means that there is no row yet."""

    totals: Mapping[int, ItemTotals] = field(default_factory=dict)
    checkpoints: Mapping[str, Checkpoint] = field(default_factory=dict)
    updated_at: str | None = None
    revision: int = 0


NO_PROGRESS = Progress()


def shown(row: Mapping[str, Any] | None, counts_from: int) -> ItemTotals:
    """Returns the totals in the row of a batch's progress, without the epochs before `counts_from`."""
    return sum_from(from_item(row or {}).totals, counts_from, NOTHING)


def folded(progress: Progress, changes: Iterable[ChunkChange], *, now: str, oldest_checkpoint: str) -> Progress:
    """Returns the progress after these changes, or the same progress if it includes all of them.

    `now` and `oldest_checkpoint` are timestamps, as in the fold of the statistics.
    """
    new = new_changes(changes, progress.checkpoints)
    if not new:
        return progress
    return replace(
        progress,
        totals=totals_after(progress.totals, new, NOTHING),
        checkpoints=checkpoints_after(progress.checkpoints, new, now, oldest_checkpoint),
        updated_at=now,
    )


def counted(chunks: Iterable[ChunkTotals]) -> dict[int, ItemTotals]:
    """Returns the totals of each epoch, by counting all chunks of a batch."""
    totals: dict[int, ItemTotals] = {}
    for chunk in chunks:
        totals[chunk.epoch] = totals.get(chunk.epoch, NOTHING).plus(chunk.totals)
    return totals


def chunk_totals(image: Image | None) -> ChunkTotals | None:
    """Returns what a chunk adds to the totals. None without an image, and while no object has an outcome.

    Raises InvalidRow if an attribute is missing, has the wrong type, or contains an unknown letter.
    """
    if image is None:
        return None
    outcomes, epoch = text(image, "outcomes"), count(image, "epoch")
    if not set(outcomes) <= set(ALL_LETTERS):
        raise InvalidRow("outcomes contains an unknown letter")
    totals = ItemTotals.of(outcomes)
    return None if totals == NOTHING else ChunkTotals(epoch, totals)


def to_item(progress: Progress) -> dict[str, Any]:
    """Returns the attributes of the row, without its key."""
    return {
        "totals": {str(epoch): list(totals) for epoch, totals in progress.totals.items() if totals != NOTHING},
        "checkpoints": {shard: list(checkpoint) for shard, checkpoint in progress.checkpoints.items()},
        "updated_at": progress.updated_at,
        "revision": progress.revision,
    }


def from_item(row: Mapping[str, Any]) -> Progress:
    """Returns the progress in a row."""
    return Progress(
        totals={int(epoch): ItemTotals(*totals) for epoch, totals in row.get("totals", {}).items()},
        checkpoints={shard: Checkpoint(*kept) for shard, kept in row.get("checkpoints", {}).items()},
        updated_at=row.get("updated_at"),
        revision=row.get("revision", 0),
    )
