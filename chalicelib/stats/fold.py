"""The fold: a pure function from a tally and changes to the tally after them.

A change that has already been folded has no effect, so deliveries may be repeated, may overlap and may be split at any
point. Each change subtracts the member's earlier contribution from the totals of its earlier epoch, and adds its new
contribution to the totals of its new epoch. Closed epochs are ignored.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from chalicelib.stats.checkpoints import checkpoints_after, new_changes
from chalicelib.stats.stream_records import Change, Contribution
from chalicelib.stats.tally_row import Extreme, TallyRow
from chalicelib.stats.totals import ZERO_TOTALS, totals_after

LARGEST, SMALLEST = 1, -1


@dataclass(frozen=True, slots=True)
class FoldResult:
    """A tally after changes, and what the caller still has to do.

    `stale`: ids of members with a closed epoch. The caller moves them to the current epoch before it writes the tally.
    `extreme_lost`: the largest or the smallest object was deleted or resized, so the caller looks the extremes up.
    """

    row: TallyRow
    stale: tuple[str, ...] = ()
    extreme_lost: bool = False


def fold_changes(row: TallyRow, changes: Iterable[Change], *, now: str, oldest_checkpoint: str) -> FoldResult:
    """Applies the changes that the tally does not include yet. If there are none, the result has the same row.

    `now` and `oldest_checkpoint` are timestamps. Checkpoints that were last updated before `oldest_checkpoint` are
    removed.
    """
    changes = new_changes(changes, row.checkpoints)
    if not changes:
        return FoldResult(row)
    latest = {change.member: change.after for change in changes}
    largest, largest_lost = extreme_after(row.largest, latest, LARGEST)
    smallest, smallest_lost = extreme_after(row.smallest, latest, SMALLEST)
    new = replace(
        row,
        totals=totals_after(row.totals, changes, ZERO_TOTALS, open_from=row.open_from),
        checkpoints=checkpoints_after(row.checkpoints, changes, now, oldest_checkpoint),
        largest=largest,
        smallest=smallest,
        last_upload_at=_last_upload(row.last_upload_at, changes),
        stats_updated_at=now,
    )
    stale = tuple(
        member
        for member, contribution in latest.items()
        if contribution is not None and contribution.epoch < row.open_from
    )
    return FoldResult(new, stale, largest_lost or smallest_lost)


def extreme_after(
    known: Extreme | None, latest: Mapping[str, Contribution | None], direction: int
) -> tuple[Extreme | None, bool]:
    """The largest (or smallest, by `direction`) object that is known after changes, and whether to look it up.

    A lookup is needed if the known object was deleted or resized and no changed object is at least as large (or small).
    An object that did not change may then be the largest (or smallest).
    """
    candidates = [
        Extreme(contribution.size, member)
        for member, contribution in latest.items()
        if contribution and contribution.size is not None
    ]
    best = most_extreme(candidates, direction)
    if known is None:
        return best, False
    if known.member not in latest:
        return most_extreme([known, *candidates], direction), False
    return best, best is None or direction * best.size < direction * known.size


def most_extreme(extremes: Iterable[Extreme], direction: int) -> Extreme | None:
    """The largest (or smallest, by `direction`) of these; the first of several with the same size."""
    return max(extremes, key=lambda extreme: direction * extreme.size, default=None)


def _last_upload(known: str | None, changes: Iterable[Change]) -> str | None:
    # Includes members that already existed: a recount changes the epoch of every member, and so it also corrects
    # this field where the record of a creation was lost.
    uploads = [change.after.last_upload_at for change in changes if change.after and change.after.last_upload_at]
    return max([*uploads, *([known] if known else [])], default=None)
