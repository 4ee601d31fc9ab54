"""Recounting while writers go on: members are brought into a new epoch, and the old ones are closed.

Every touch of a member goes through the stream, which takes what it counted for out of the old epoch and adds
it to the new one. What the old epochs then still hold is drift, and closing them leaves it behind.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import reduce

from chalicelib.stats.aggregates import Aggregate
from chalicelib.stats.tallies import EXTREME_LOOKUPS, Tallies
from chalicelib.stats.tally_row import EMPTY_ROW, ZERO_TOTALS, ObjectTotals, TallyRow

SECONDS_BETWEEN = 1.0
# Old totals that have not moved for as many looks are taken to be still. Closing earlier would show too
# little for a moment, and name the wrong drift; what is counted in the end would be the same.
LOOKS_AT_STILLNESS = 5
MAX_STABILITY_CHECKS = 900


@dataclass(frozen=True, slots=True)
class Recount:
    """What a recount found: by how much more, or less, the tally showed than there was."""

    drift: ObjectTotals


def recount(tallies: Tallies, aggregate: Aggregate) -> Recount:
    """Counts anew, while writers go on. A recount that was broken off is made good by the next one."""
    epoch = _swept(tallies, aggregate, _raised(tallies, aggregate))
    _await_stillness(tallies, aggregate, epoch)
    drift = _close(tallies, aggregate, epoch)
    # Who still carried an old epoch while it was being closed may have been counted there. From now on the
    # fold itself brings such members over, so one more walk finds all there can be.
    _swept(tallies, aggregate, epoch)
    tallies.revise(aggregate, lambda row: replace(row, recount_due=None) if row.epoch == epoch else row)
    return Recount(drift)


def _raised(tallies: Tallies, aggregate: Aggregate, above: int | None = None) -> int:
    """The epoch that members are brought into: a new one, or the one of a recount that is beyond `above`."""

    def raised(row: TallyRow) -> TallyRow:
        if above is not None and row.epoch >= above:
            return row
        return replace(row, epoch=max([row.epoch, above or 0, *row.totals]) + 1, recount_due=tallies.now())

    return (tallies.revise(aggregate, raised) or EMPTY_ROW).epoch


def _swept(tallies: Tallies, aggregate: Aggregate, epoch: int) -> int:
    """Brings every member into the epoch, again and again until none is older; gives back the epoch."""
    older = True
    while older:
        older = False
        for member, contribution in aggregate.contributions():
            if contribution.epoch > epoch:
                # Of another recount, or of a tally that was lost: there is no way back.
                epoch = _raised(tallies, aggregate, contribution.epoch)
            if contribution.epoch < epoch:
                aggregate.move_to_epoch(member, epoch)
                older = True
    return epoch


def _await_stillness(tallies: Tallies, aggregate: Aggregate, epoch: int) -> None:
    last, still = None, 0
    for _ in range(MAX_STABILITY_CHECKS):
        left = _left(tallies.find(aggregate), epoch)
        still = still + 1 if left == last else 0
        if still >= LOOKS_AT_STILLNESS:
            return
        last = left
        tallies.pause(SECONDS_BETWEEN)


def _close(tallies: Tallies, aggregate: Aggregate, epoch: int) -> ObjectTotals:
    drift = ZERO_TOTALS

    def closed(row: TallyRow) -> TallyRow:
        nonlocal drift
        drift = _left(row, epoch)
        totals = {each: totals for each, totals in row.totals.items() if each >= epoch}
        new = replace(row, open_from=max(row.open_from, epoch), totals=totals, stats_updated_at=tallies.now())
        return tallies.with_refreshed_extremes(aggregate, new, looks_due=EXTREME_LOOKUPS)

    tallies.revise(aggregate, closed)
    return drift


def _left(row: TallyRow, epoch: int) -> ObjectTotals:
    return reduce(ObjectTotals.plus, (totals for each, totals in row.totals.items() if each < epoch), ZERO_TOTALS)
