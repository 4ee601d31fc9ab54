"""Counts all members of an aggregate, compares the count with its tally, and rebuilds the tally from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from chalicelib.stats.aggregates import Aggregate
from chalicelib.stats.fold import LARGEST, SMALLEST, most_extreme
from chalicelib.stats.stream_records import Contribution
from chalicelib.stats.tallies import Tallies
from chalicelib.stats.tally_row import Extreme, TallyRow, to_item
from chalicelib.stats.totals import ZERO_TOTALS, Totals

# The streams lag behind writes, so a tally that differs is compared again before its differences are reported.
MAX_COMPARISONS = 3
SECONDS_BETWEEN_COMPARISONS = 2.0
COMPARED = ("object_count", "total_size_bytes", "failed_object_count", "max_size_bytes", "min_size_bytes")
BATCH_COUNTS = ("total", "active", "completed", "failed")


@dataclass(frozen=True, slots=True)
class Difference:
    """A field of a tally whose value (`shown`) differs from the correct one (`counted`)."""

    name: str
    shown: Any
    counted: Any


@dataclass(frozen=True, slots=True)
class Count:
    """The result of reading every member of an aggregate."""

    totals: Mapping[int, Totals] = field(default_factory=dict)
    largest: Extreme | None = None
    smallest: Extreme | None = None
    last_upload_at: str | None = None

    def tally(self, row: TallyRow) -> TallyRow:
        """The row with this count as its totals, from which the fold can continue. Every epoch with members is open."""
        return replace(
            row,
            epoch=max([row.epoch, *self.totals]),
            open_from=min([row.epoch, *self.totals]),
            totals=self.totals,
            checkpoints={},
            largest=self.largest,
            smallest=self.smallest,
            lookups_due=0,
            # The last upload may be that of an object that has been deleted.
            last_upload_at=max(filter(None, (row.last_upload_at, self.last_upload_at)), default=None),
            recount_due=None,
        )


def count_members(contributions: Iterable[tuple[str, Contribution]]) -> Count:
    """Counts members, given as pairs of an id and a contribution."""
    count = Count()
    for member, contribution in contributions:
        extremes = [Extreme(contribution.size, member)] if contribution.size is not None else []
        totals = {
            **count.totals,
            contribution.epoch: count.totals.get(contribution.epoch, ZERO_TOTALS).plus(contribution.totals),
        }
        count = Count(
            totals,
            most_extreme([*filter(None, (count.largest,)), *extremes], LARGEST),
            most_extreme([*filter(None, (count.smallest,)), *extremes], SMALLEST),
            max(filter(None, (count.last_upload_at, contribution.last_upload_at)), default=None),
        )
    return count


def differences(row: TallyRow, count: Count) -> list[Difference]:
    """The fields of the row that differ from the count. `recount_due` is among them if it is set."""
    counted = count.tally(row)
    shown, correct = compared(row), compared(counted)
    found = [Difference(name, shown[name], correct[name]) for name in shown if shown[name] != correct[name]]
    if row.last_upload_at != counted.last_upload_at:
        found.append(Difference("last_upload_at", row.last_upload_at, counted.last_upload_at))
    if row.recount_due is not None:
        found.append(Difference("recount_due", row.recount_due, None))
    return found


def compared(row: TallyRow) -> dict[str, Any]:
    """The numbers of a tally that clients see, by the names of their fields."""
    batches = row.batches or dict.fromkeys(BATCH_COUNTS, 0)
    item = to_item(row)
    return {name: item[name] for name in COMPARED} | {f"batch_stats.{name}": batches[name] for name in BATCH_COUNTS}


def verify(tallies: Tallies, aggregate: Aggregate) -> list[Difference]:
    """The differences between a tally and a count of its members. Empty if there are none.

    Compares up to MAX_COMPARISONS times and returns the differences of the last comparison. If writers continue
    meanwhile, they may include changes that the streams have not delivered yet.
    """
    found: list[Difference] = []
    for attempt in range(MAX_COMPARISONS):
        if attempt:
            tallies.pause(SECONDS_BETWEEN_COMPARISONS)
        count = count_members(aggregate.contributions())
        found = differences(tallies.find(aggregate), count)
        if not found:
            break
    return found


def is_exact(row: TallyRow, count: Count) -> bool:
    """Whether a tally has all values of this count. Its checkpoints do not matter."""
    counted = replace(count.tally(row), checkpoints=row.checkpoints)
    return to_item(counted) == to_item(row)


def rebuild(tallies: Tallies, aggregate: Aggregate) -> None:
    """Replaces a tally with a count of its members and drops its checkpoints. Nothing may write or fold meanwhile."""

    def rebuilt(row: TallyRow) -> TallyRow:
        new = count_members(aggregate.contributions()).tally(row)
        unchanged = to_item(replace(new, stats_updated_at=row.stats_updated_at)) == to_item(row)
        return row if unchanged else replace(new, stats_updated_at=tallies.now())

    tallies.revise(aggregate, rebuilt)
