"""The entire row of a tally: the totals that clients see, and the state of the fold.

Every member (an object, a batch, or the tally of a bucket) has an epoch, a number that identifies the totals that
include it. The row keeps totals for each epoch. A recount starts a new epoch, moves all members into it, and then
closes the older ones. Clients see the sum over the epochs that are not closed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from chalicelib.stats.checkpoints import Checkpoint
from chalicelib.stats.totals import ZERO_TOTALS, Totals, sum_from


class Extreme(NamedTuple):
    """The largest or the smallest object: its size in bytes and its id."""

    size: int
    member: str


@dataclass(frozen=True, slots=True)
class TallyRow:
    """The stored state of a tally.

    `epoch`: the epoch of members that are written now.
    `open_from`: the lowest epoch that is not closed.
    `lookups_due`: how many more times the extremes have to be looked up.
    `recount_due`: since when the totals may be wrong; None if they are correct.
    `belongs_to`: for a bucket's tally, the epoch of the namespace's tally that includes it.
    """

    epoch: int = 0
    open_from: int = 0
    totals: Mapping[int, Totals] = field(default_factory=dict)
    checkpoints: Mapping[str, Checkpoint] = field(default_factory=dict)
    largest: Extreme | None = None
    smallest: Extreme | None = None
    lookups_due: int = 0
    last_upload_at: str | None = None
    stats_updated_at: str | None = None
    recount_due: str | None = None
    belongs_to: int = 0
    revision: int = 0

    @property
    def shown(self) -> Totals:
        """The totals that clients see: the sum over all open epochs."""
        return sum_from(self.totals, self.open_from, ZERO_TOTALS)

    @property
    def batches(self) -> dict[str, int] | None:
        """The number of batches by state, as clients see it. None without batches."""
        shown = self.shown
        counts = {
            "total": shown.batches,
            "active": shown.active_batches,
            "completed": shown.completed_batches,
            "failed": shown.failed_batches,
        }
        return counts if any(counts.values()) else None


EMPTY_ROW = TallyRow()
# `Totals` is stored in two attributes: earlier versions of the service read three numbers for each epoch in `totals`,
# and keep other attributes. So they can run beside this version during an update, and after a rollback.
OBJECT_NUMBERS = 3


def to_item(row: TallyRow) -> dict[str, Any]:
    """The attributes of the row, without its keys."""
    shown = row.shown
    return {
        "object_count": shown.objects,
        "total_size_bytes": shown.bytes,
        "failed_object_count": shown.failed,
        "max_size_bytes": row.largest.size if row.largest else 0,
        "min_size_bytes": row.smallest.size if row.smallest else 0,
        "batches": row.batches,
        "last_upload_at": row.last_upload_at,
        "stats_updated_at": row.stats_updated_at,
        "epoch": row.epoch,
        "revision": row.revision,
        "largest_id": row.largest.member if row.largest else None,
        "smallest_id": row.smallest.member if row.smallest else None,
        "looks_due": row.lookups_due or None,
        "recount_due": row.recount_due,
        "open_from": row.open_from,
        "totals": _numbers(row, slice(OBJECT_NUMBERS)),
        "batch_totals": _numbers(row, slice(OBJECT_NUMBERS, None)) or None,
        "checkpoints": {shard: list(checkpoint) for shard, checkpoint in row.checkpoints.items()},
        "belongs_to": row.belongs_to,
    }


def from_item(item: Mapping[str, Any]) -> TallyRow:
    """The tally in a row."""
    return TallyRow(
        epoch=item.get("epoch", 0),
        open_from=item.get("open_from", 0),
        totals=_totals(item),
        checkpoints={shard: Checkpoint(*kept) for shard, kept in item.get("checkpoints", {}).items()},
        largest=_extreme(item, "max_size_bytes", "largest_id"),
        smallest=_extreme(item, "min_size_bytes", "smallest_id"),
        lookups_due=item.get("looks_due", 0),
        last_upload_at=item.get("last_upload_at"),
        stats_updated_at=item.get("stats_updated_at"),
        recount_due=item.get("recount_due"),
        belongs_to=item.get("belongs_to", 0),
        revision=item.get("revision", 0),
    )


def _numbers(row: TallyRow, part: slice) -> dict[str, list[int]]:
    """This part of the totals of each epoch in which it is not zero."""
    numbers = {str(epoch): list(totals)[part] for epoch, totals in row.totals.items()}
    return {epoch: own for epoch, own in numbers.items() if any(own)}


def _totals(item: Mapping[str, Any]) -> dict[int, Totals]:
    objects, batches = item.get("totals", {}), item.get("batch_totals", {})
    no_objects = [0] * OBJECT_NUMBERS
    return {int(epoch): Totals(*objects.get(epoch, no_objects), *batches.get(epoch, ())) for epoch in objects | batches}


def _extreme(item: Mapping[str, Any], size: str, member: str) -> Extreme | None:
    return Extreme(item[size], item[member]) if member in item else None
