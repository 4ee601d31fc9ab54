"""Recounts the members of an aggregate while writers continue.

A recount starts a new epoch and moves every member into it. Each move passes through the stream, where the fold
subtracts the member from the old epoch and adds it to the new one. The totals that then remain in the old epochs
are drift: they belong to no member. The recount closes the old epochs, which removes the drift.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from chalicelib.stats.aggregates import Aggregate
from chalicelib.stats.tallies import EXTREME_LOOKUPS, Tallies
from chalicelib.stats.tally_row import EMPTY_ROW, TallyRow
from chalicelib.stats.totals import ZERO_TOTALS, Totals, sum_from

SECONDS_BETWEEN_CHECKS = 1.0
# The recount waits until the old totals are the same in this many checks one after another. Closing the epochs
# earlier would show too small totals for a moment and report a wrong drift. The final totals would be the same.
STABLE_CHECKS = 5
MAX_STABILITY_CHECKS = 900


@dataclass(frozen=True, slots=True)
class Recount:
    """The result of a recount.

    `drift` is how much too high the tally was; a negative number means that it was too low.
    """

    drift: Totals


def recount(tallies: Tallies, aggregate: Aggregate) -> Recount:
    """Recounts an aggregate while writers continue. The next recount completes one that was interrupted."""
    epoch = _move_members(tallies, aggregate, _start_epoch(tallies, aggregate))
    _await_stable_totals(tallies, aggregate, epoch)
    drift = _close_older_epochs(tallies, aggregate, epoch)
    # A member that had an old epoch while the epochs were being closed may have been counted in that epoch. The fold
    # moves such members from now on, so one more pass over the members finds all remaining ones.
    _move_members(tallies, aggregate, epoch)
    tallies.revise(aggregate, lambda row: replace(row, recount_due=None) if row.epoch == epoch else row)
    return Recount(drift)


def _start_epoch(tallies: Tallies, aggregate: Aggregate, at_least: int | None = None) -> int:
    """Starts an epoch above all others and returns it. With `at_least`, returns the current one if it is not lower."""

    def with_new_epoch(row: TallyRow) -> TallyRow:
        if at_least is not None and row.epoch >= at_least:
            return row
        return replace(row, epoch=max([row.epoch, at_least or 0, *row.totals]) + 1, recount_due=tallies.now())

    return (tallies.revise(aggregate, with_new_epoch) or EMPTY_ROW).epoch


def _move_members(tallies: Tallies, aggregate: Aggregate, epoch: int) -> int:
    """Moves every member into the epoch, in as many passes as needed. Returns the epoch that they are then in."""
    found_older = True
    while found_older:
        found_older = False
        for member, contribution in aggregate.contributions():
            if contribution.epoch > epoch:
                # Another recount is running, or the tally was lost. Epochs never decrease, so this recount raises its
                # own.
                epoch = _start_epoch(tallies, aggregate, contribution.epoch)
            if contribution.epoch < epoch:
                aggregate.move_to_epoch(member, epoch)
                found_older = True
    return epoch


def _await_stable_totals(tallies: Tallies, aggregate: Aggregate, epoch: int) -> None:
    last, stable = None, 0
    for _ in range(MAX_STABILITY_CHECKS):
        current = _older_totals(tallies.find(aggregate), epoch)
        stable = stable + 1 if current == last else 0
        if stable >= STABLE_CHECKS:
            return
        last = current
        tallies.pause(SECONDS_BETWEEN_CHECKS)


def _close_older_epochs(tallies: Tallies, aggregate: Aggregate, epoch: int) -> Totals:
    """Closes the epochs below this one and returns the totals that remained in them."""
    drift = ZERO_TOTALS

    def closed(row: TallyRow) -> TallyRow:
        nonlocal drift
        drift = _older_totals(row, epoch)
        totals = {each: totals for each, totals in row.totals.items() if each >= epoch}
        new = replace(row, open_from=max(row.open_from, epoch), totals=totals, stats_updated_at=tallies.now())
        return tallies.with_refreshed_extremes(aggregate, new, lookups_due=EXTREME_LOOKUPS)

    tallies.revise(aggregate, closed)
    return drift


def _older_totals(row: TallyRow, epoch: int) -> Totals:
    older = {each: totals for each, totals in row.totals.items() if each < epoch}
    return sum_from(older, 0, ZERO_TOTALS)
