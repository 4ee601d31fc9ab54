"""The fold: a tally and changes in, the tally after them out. No clock, no client.

A change that was folded before makes no difference, so deliveries may repeat, overlap and be cut anywhere.
What a member counted for is taken from the epoch it was in and added to the one it is in; epochs that
are closed count for nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from chalicelib.stats.stream_records import Change, Contribution
from chalicelib.stats.tally_row import ZERO_TOTALS, Checkpoint, Extreme, ObjectTotals, TallyRow

LARGEST, SMALLEST = 1, -1


@dataclass(frozen=True, slots=True)
class FoldResult:
    """A tally after changes, and what is left to do.

    `stale` members stand in a closed epoch, and have to be touched before the tally is written.
    `extreme_gone`: an object that was the largest or the smallest is not, and who is now has to be looked up.
    """

    row: TallyRow
    stale: tuple[str, ...] = ()
    extreme_gone: bool = False


def fold_changes(row: TallyRow, changes: Iterable[Change], *, now: str, forget_before: str) -> FoldResult:
    """The tally after those of the changes that it has not counted yet; the same tally if there are none."""
    fresh = new_changes(changes, row.checkpoints)
    if not fresh:
        return FoldResult(row)
    latest = {change.member: change.after for change in fresh}
    largest, largest_gone = extreme_after(row.largest, latest, LARGEST)
    smallest, smallest_gone = extreme_after(row.smallest, latest, SMALLEST)
    new = replace(
        row,
        totals=_totals(row, fresh),
        checkpoints=_checkpoints(row.checkpoints, fresh, now, forget_before),
        largest=largest,
        smallest=smallest,
        last_upload_at=_newest(row.last_upload_at, fresh),
        stats_updated_at=now,
    )
    stale = tuple(
        member
        for member, contribution in latest.items()
        if contribution is not None and contribution.epoch < row.open_from
    )
    return FoldResult(new, stale, largest_gone or smallest_gone)


def new_changes(changes: Iterable[Change], checkpoints: Mapping[str, Checkpoint]) -> list[Change]:
    """The changes a tally has not counted yet: sequence numbers grow inside a shard, and only there."""
    seen = {shard: checkpoint.sequence for shard, checkpoint in checkpoints.items()}
    fresh = []
    for change in changes:
        if change.sequence > seen.get(change.shard, ""):
            seen[change.shard] = change.sequence
            fresh.append(change)
    return fresh


def extreme_after(
    held: Extreme | None, latest: Mapping[str, Contribution | None], direction: int
) -> tuple[Extreme | None, bool]:
    """The largest (or, in the other direction, smallest) object that is known of, and whether that is too little.

    It is too little when the one that was held is gone, and none that changed now is as large.
    """
    sizes = [
        Extreme(contribution.size, member)
        for member, contribution in latest.items()
        if contribution and contribution.size is not None
    ]
    best = most_extreme(sizes, direction)
    if held is None:
        return best, False
    if held.member not in latest:
        return most_extreme([held, *sizes], direction), False
    return best, best is None or direction * best.size < direction * held.size


def most_extreme(extremes: Iterable[Extreme], direction: int) -> Extreme | None:
    """The largest or smallest of these; of several, the first."""
    return max(extremes, key=lambda extreme: direction * extreme.size, default=None)


def _totals(row: TallyRow, changes: Iterable[Change]) -> dict[int, ObjectTotals]:
    totals = dict(row.totals)
    for change in changes:
        before, after = change.before, change.after
        if before is not None and before.epoch >= row.open_from:
            totals[before.epoch] = totals.get(before.epoch, ZERO_TOTALS).minus(before.totals)
        if after is not None and after.epoch >= row.open_from:
            totals[after.epoch] = totals.get(after.epoch, ZERO_TOTALS).plus(after.totals)
    return totals


def _checkpoints(
    old: Mapping[str, Checkpoint], changes: Iterable[Change], now: str, forget_before: str
) -> dict[str, Checkpoint]:
    kept = {shard: checkpoint for shard, checkpoint in old.items() if checkpoint.heard_at >= forget_before}
    return kept | {change.shard: Checkpoint(change.sequence, now) for change in changes}


def _newest(known: str | None, changes: Iterable[Change]) -> str | None:
    # Not of new members only: a recount touches every one, which makes up for a creation that went unheard.
    uploads = [change.after.last_upload_at for change in changes if change.after and change.after.last_upload_at]
    return max([*uploads, *([known] if known else [])], default=None)
