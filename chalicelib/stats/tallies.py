"""How a tally is changed: read, decided upon, and written on condition that nobody else did meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import timedelta

from chalicelib.aws.dynamodb.optimistic_lock import revise
from chalicelib.aws.dynamodb.table import Table
from chalicelib.core.clock import Clock, format_timestamp
from chalicelib.stats.aggregates import Aggregate, BucketAggregate, NamespaceAggregate
from chalicelib.stats.fold import LARGEST, SMALLEST, fold_changes, most_extreme
from chalicelib.stats.store import TallyStore
from chalicelib.stats.stream_records import Change
from chalicelib.stats.tally_row import EMPTY_ROW, TallyRow, to_item

# Records live for 24 hours; what is older than twice that comes never again.
SHARDS_REMEMBERED = timedelta(hours=48)
# How often the extremes are looked up again after one was lost: each time at least one trip of the tally's
# own change through the stream later, which is what the index is given to settle.
EXTREME_LOOKUPS = 2


@dataclass(frozen=True, slots=True)
class Tallies:
    """The tallies of buckets and namespaces. Every method raises Unavailable when the storage cannot serve it."""

    store: TallyStore
    catalog: Table
    objects: Table
    clock: Clock
    pause: Callable[[float], None] = time.sleep

    def of(self, ns: str, bucket_id: str | None) -> Aggregate:
        """A bucket as something that has a tally, or without one its namespace."""
        if bucket_id is None:
            return NamespaceAggregate(self.catalog, ns)
        return BucketAggregate(self.catalog, self.objects, ns, bucket_id)

    def find(self, aggregate: Aggregate) -> TallyRow:
        """A tally as it is now."""
        return self.store.find(aggregate.key) or EMPTY_ROW

    def fold(self, aggregate: Aggregate, changes: Iterable[Change], *, has_unreadable: bool = False) -> None:
        """Counts the changes that were not counted yet, in one update; nothing is written if there are none.

        `has_unreadable`: a change could not be read, so from now on the whole is due for a recount.
        """
        kept = [change for change in changes if change.counts]
        if not kept and not has_unreadable:
            return
        if (
            self.revise(aggregate, lambda row: self._folded(aggregate, row, kept, has_unreadable=has_unreadable))
            is None
        ):
            # Written while the whole was being deleted, and too late for that to find it.
            aggregate.remove_members({change.member for change in kept if change.after is not None})

    def refresh_extremes(self, aggregate: Aggregate) -> None:
        """Looks the extremes up once more, if that is due. One that is found gone makes more looks due."""
        self.revise(aggregate, lambda row: self.with_refreshed_extremes(aggregate, row) if row.looks_due else row)

    def with_refreshed_extremes(self, aggregate: Aggregate, row: TallyRow, *, looks_due: int | None = None) -> TallyRow:
        """The row with the extremes that the index and the row itself know of, those left out that are gone."""
        largest, smallest = aggregate.extremes(row.largest, row.smallest)
        lost = (row.largest and (not largest or largest.size < row.largest.size)) or (
            row.smallest and (not smallest or smallest.size > row.smallest.size)
        )
        due = EXTREME_LOOKUPS if lost else row.looks_due - 1
        return replace(row, largest=largest, smallest=smallest, looks_due=due if looks_due is None else looks_due)

    def revise(self, aggregate: Aggregate, revised: Callable[[TallyRow], TallyRow]) -> TallyRow | None:
        """Puts a tally into the state that `revised` makes of the present one, which may be asked repeatedly.

        None for a tally that has no home, and gets none: the bucket or the namespace is gone.
        """

        def read() -> TallyRow | None:
            return self.store.find(aggregate.key) or self.store.first(aggregate.owner_key)

        def write(old: TallyRow | None, new: TallyRow | None) -> TallyRow | None:
            if old is None or new is None:
                return None
            new = replace(new, revision=old.revision + 1)
            self.store.replace(aggregate.key, aggregate.owner_key, old, new)
            return new

        def step(row: TallyRow | None) -> TallyRow | None:
            return row if row is None else revised(row)

        return revise(read, step, write, self.pause, stored=lambda row: row and to_item(row))

    def now(self) -> str:
        """The present moment."""
        return format_timestamp(self.clock())

    def _folded(self, aggregate: Aggregate, row: TallyRow, changes: list[Change], *, has_unreadable: bool) -> TallyRow:
        moment = self.clock()
        done = fold_changes(
            row, changes, now=format_timestamp(moment), forget_before=format_timestamp(moment - SHARDS_REMEMBERED)
        )
        # Before the tally is written: a crash in between repeats the batch, and then nothing is forgotten.
        for member in done.stale:
            aggregate.move_to_epoch(member, row.epoch)
        new = self._with_extremes(aggregate, done.row) if done.extreme_gone else done.row
        return replace(new, recount_due=new.recount_due or format_timestamp(moment)) if has_unreadable else new

    def _with_extremes(self, aggregate: Aggregate, row: TallyRow) -> TallyRow:
        """The row after an extreme was lost, with the next one that is known, by changes or by the index."""
        largest, smallest = aggregate.extremes()
        return replace(
            row,
            largest=most_extreme(filter(None, (row.largest, largest)), LARGEST),
            smallest=most_extreme(filter(None, (row.smallest, smallest)), SMALLEST),
            looks_due=EXTREME_LOOKUPS,
        )
