"""The entire row of a tally: the totals that clients see, and the state of the fold.

Every member (an object, or the tally of a bucket) has an epoch, a number that identifies the totals that include it.
The row keeps totals for each epoch. A recount starts a new epoch, moves all members into it, and then closes the older
ones. Clients see the sum over the epochs that are not closed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import reduce
from typing import Any, NamedTuple


class ObjectTotals(NamedTuple):
    """The number of objects, their total size in bytes, and how many of them have the status FAILED."""

    objects: int = 0
    bytes: int = 0
    failed: int = 0

    def plus(self, other: ObjectTotals) -> ObjectTotals:
        """The sum of both."""
        return ObjectTotals(self.objects + other.objects, self.bytes + other.bytes, self.failed + other.failed)

    def minus(self, other: ObjectTotals) -> ObjectTotals:
        """The difference of both."""
        return ObjectTotals(self.objects - other.objects, self.bytes - other.bytes, self.failed - other.failed)


ZERO_TOTALS = ObjectTotals()


class Extreme(NamedTuple):
    """The largest or the smallest object: its size in bytes and its id."""

    size: int
    member: str


class Checkpoint(NamedTuple):
    """The last sequence number of a shard that was folded, and the time of that fold."""

    sequence: str
    updated_at: str


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
    totals: Mapping[int, ObjectTotals] = field(default_factory=dict)
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
    def shown(self) -> ObjectTotals:
        """The totals that clients see: the sum over all open epochs."""
        return reduce(
            ObjectTotals.plus, (t for epoch, t in self.totals.items() if epoch >= self.open_from), ZERO_TOTALS
        )


EMPTY_ROW = TallyRow()


def to_item(row: TallyRow) -> dict[str, Any]:
    """The attributes of the row, without its keys."""
    shown = row.shown
    return {
        "object_count": shown.objects,
        "total_size_bytes": shown.bytes,
        "failed_object_count": shown.failed,
        "max_size_bytes": row.largest.size if row.largest else 0,
        "min_size_bytes": row.smallest.size if row.smallest else 0,
        "last_upload_at": row.last_upload_at,
        "stats_updated_at": row.stats_updated_at,
        "epoch": row.epoch,
        "revision": row.revision,
        "largest_id": row.largest.member if row.largest else None,
        "smallest_id": row.smallest.member if row.smallest else None,
        "looks_due": row.lookups_due or None,
        "recount_due": row.recount_due,
        "open_from": row.open_from,
        "totals": {str(epoch): list(totals) for epoch, totals in row.totals.items() if totals != ZERO_TOTALS},
        "checkpoints": {shard: list(checkpoint) for shard, checkpoint in row.checkpoints.items()},
        "belongs_to": row.belongs_to,
    }


def from_item(item: Mapping[str, Any]) -> TallyRow:
    """The tally in a row."""
    return TallyRow(
        epoch=item.get("epoch", 0),
        open_from=item.get("open_from", 0),
        totals={int(epoch): ObjectTotals(*totals) for epoch, totals in item.get("totals", {}).items()},
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


def _extreme(item: Mapping[str, Any], size: str, member: str) -> Extreme | None:
    return Extreme(item[size], item[member]) if member in item else None
