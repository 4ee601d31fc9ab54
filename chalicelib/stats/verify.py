"""Counting: what a tally must show, by reading every member, and where the two differ."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from chalicelib.stats.aggregates import Aggregate
from chalicelib.stats.fold import LARGEST, SMALLEST, most_extreme
from chalicelib.stats.stream_records import Contribution
from chalicelib.stats.tallies import Tallies
from chalicelib.stats.tally_row import ZERO_TOTALS, Extreme, ObjectTotals, TallyRow, to_item

# While something is written the stream is a moment behind, so a difference is believed when it stays.
MAX_COMPARISONS = 3
SECONDS_BETWEEN_COMPARISONS = 2.0
COMPARED = ("object_count", "total_size_bytes", "failed_object_count", "max_size_bytes", "min_size_bytes")


@dataclass(frozen=True, slots=True)
class Difference:
    """A field of a tally that does not show what was counted."""

    name: str
    shown: Any
    counted: Any


@dataclass(frozen=True, slots=True)
class Count:
    """What reading every member gave."""

    totals: Mapping[int, ObjectTotals] = field(default_factory=dict)
    largest: Extreme | None = None
    smallest: Extreme | None = None
    last_upload_at: str | None = None

    def tally(self, row: TallyRow) -> TallyRow:
        """The row with this count in it, from which the fold can go on. What was open or closed no longer matters."""
        return replace(
            row,
            epoch=max([row.epoch, *self.totals]),
            open_from=min([row.epoch, *self.totals]),
            totals=self.totals,
            checkpoints={},
            largest=self.largest,
            smallest=self.smallest,
            looks_due=0,
            # Objects that are gone were uploads as well.
            last_upload_at=max(filter(None, (row.last_upload_at, self.last_upload_at)), default=None),
            recount_due=None,
        )


def count_members(contributions: Iterable[tuple[str, Contribution]]) -> Count:
    """The count of these members."""
    count = Count()
    for member, contribution in contributions:
        own = [Extreme(contribution.size, member)] if contribution.size is not None else []
        totals = {
            **count.totals,
            contribution.epoch: count.totals.get(contribution.epoch, ZERO_TOTALS).plus(contribution.totals),
        }
        count = Count(
            totals,
            most_extreme([*filter(None, (count.largest,)), *own], LARGEST),
            most_extreme([*filter(None, (count.smallest,)), *own], SMALLEST),
            max(filter(None, (count.last_upload_at, contribution.last_upload_at)), default=None),
        )
    return count


def differences(row: TallyRow, count: Count) -> list[Difference]:
    """Where the row does not show what was counted, and whether a recount is due to it."""
    shown, right = to_item(row), to_item(count.tally(row))
    found = [Difference(name, shown[name], right[name]) for name in COMPARED if shown[name] != right[name]]
    if row.last_upload_at != right["last_upload_at"]:
        found.append(Difference("last_upload_at", row.last_upload_at, right["last_upload_at"]))
    if row.recount_due is not None:
        found.append(Difference("recount_due", row.recount_due, None))
    return found


def verify(tallies: Tallies, aggregate: Aggregate) -> list[Difference]:
    """Where a tally shows anything else than a count gives; nothing where all is well.

    A tally that changes meanwhile is looked at again. What is reported was there each time, or is under way.
    """
    found: list[Difference] = []
    for look in range(MAX_COMPARISONS):
        if look:
            tallies.pause(SECONDS_BETWEEN_COMPARISONS)
        count = count_members(aggregate.contributions())
        found = differences(tallies.find(aggregate), count)
        if not found:
            break
    return found


def rebuild(tallies: Tallies, aggregate: Aggregate) -> None:
    """Makes a tally say what a count says, and forget what was folded. Only while nothing writes or folds."""

    def settled(row: TallyRow) -> TallyRow:
        new = count_members(aggregate.contributions()).tally(row)
        same = to_item(replace(new, stats_updated_at=row.stats_updated_at)) == to_item(row)
        return row if same else replace(new, stats_updated_at=tallies.now())

    tallies.revise(aggregate, settled)
