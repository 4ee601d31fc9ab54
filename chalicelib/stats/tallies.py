"""Updates tallies with optimistic locking: each is read, changed, and written if it has not changed meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from chalicelib.aws.dynamodb.optimistic_lock import revise
from chalicelib.aws.dynamodb.table import Table
from chalicelib.core.clock import Clock, format_timestamp
from chalicelib.stats.aggregates import Aggregate, BucketAggregate, NamespaceAggregate
from chalicelib.stats.checkpoints import CHECKPOINT_RETENTION
from chalicelib.stats.fold import LARGEST, SMALLEST, fold_changes, most_extreme
from chalicelib.stats.store import TallyStore
from chalicelib.stats.stream_records import Change
from chalicelib.stats.tally_row import EMPTY_ROW, TallyRow, to_item

# The number of lookups after an extreme was lost. Each lookup writes the tally, and the stream record of this write
# starts the next lookup. This delay gives the eventually consistent index time to become current.
EXTREME_LOOKUPS = 2


@dataclass(frozen=True, slots=True)
class Tallies:
    """The tallies of buckets and namespaces. Every method raises Unavailable if DynamoDB cannot serve the request."""

    store: TallyStore
    catalog: Table
    objects: Table
    clock: Clock
    pause: Callable[[float], None] = time.sleep

    def of(self, ns: str, bucket_id: str | None) -> Aggregate:
        """The aggregate of a bucket, or of its namespace if `bucket_id` is None."""
        if bucket_id is None:
            return NamespaceAggregate(self.catalog, ns)
        return BucketAggregate(self.catalog, self.objects, ns, bucket_id)

    def find(self, aggregate: Aggregate) -> TallyRow:
        """The current tally; an empty one if none is stored."""
        return self.store.find(aggregate.key) or EMPTY_ROW

    def fold(self, aggregate: Aggregate, changes: Iterable[Change], *, has_unreadable: bool = False) -> None:
        """Counts the changes that are not counted yet, in one update. Writes nothing if there are none.

        `has_unreadable`: some changes could not be read, so the aggregate is marked as due for a recount.
        """
        relevant = [change for change in changes if change.has_effect]
        if not relevant and not has_unreadable:
            return

        def updated(row: TallyRow) -> TallyRow:
            return self._folded(aggregate, row, relevant, has_unreadable=has_unreadable)

        if self.revise(aggregate, updated) is None:
            # These members were written while their bucket was being deleted, and the deletion did not see them.
            aggregate.remove_members({change.member for change in relevant if change.after is not None})

    def refresh_extremes(self, aggregate: Aggregate) -> None:
        """Looks up the largest and the smallest member, if a lookup is due. If one of them was lost, more are due."""

        def updated(row: TallyRow) -> TallyRow:
            return self.with_refreshed_extremes(aggregate, row) if row.lookups_due else row

        self.revise(aggregate, updated)

    def with_refreshed_extremes(
        self, aggregate: Aggregate, row: TallyRow, *, lookups_due: int | None = None
    ) -> TallyRow:
        """The row with new extremes: the best of those in the row and in the index that still exist.

        `lookups_due`: how many lookups are due afterwards. By default one less, or EXTREME_LOOKUPS if an extreme was
        lost.
        """
        largest, smallest = aggregate.extremes(row.largest, row.smallest)
        lost = (row.largest and (not largest or largest.size < row.largest.size)) or (
            row.smallest and (not smallest or smallest.size > row.smallest.size)
        )
        if lookups_due is None:
            lookups_due = EXTREME_LOOKUPS if lost else row.lookups_due - 1
        return replace(row, largest=largest, smallest=smallest, lookups_due=lookups_due)

    def revise(self, aggregate: Aggregate, updated: Callable[[TallyRow], TallyRow]) -> TallyRow | None:
        """Replaces a tally with the result of `updated`, which is called again after each conflicting write.

        Returns None, and writes nothing, if the bucket or namespace has been deleted.
        """

        def read() -> TallyRow | None:
            return self.store.find(aggregate.key) or self.store.initial(aggregate.owner_key)

        def write(old: TallyRow | None, new: TallyRow | None) -> TallyRow | None:
            if old is None or new is None:
                return None
            new = replace(new, revision=old.revision + 1)
            self.store.replace(aggregate.key, aggregate.owner_key, old, new)
            return new

        def step(row: TallyRow | None) -> TallyRow | None:
            return row if row is None else updated(row)

        return revise(read, step, write, self.pause, stored=lambda row: row and to_item(row))

    def now(self) -> str:
        """The current time as a timestamp."""
        return format_timestamp(self.clock())

    def _folded(self, aggregate: Aggregate, row: TallyRow, changes: list[Change], *, has_unreadable: bool) -> TallyRow:
        now = self.clock()
        oldest_checkpoint = format_timestamp(now - CHECKPOINT_RETENTION)
        result = fold_changes(row, changes, now=format_timestamp(now), oldest_checkpoint=oldest_checkpoint)
        # The members are moved before the tally is written. After a crash in between, the records are delivered again,
        # and no change is lost.
        for member in result.stale:
            aggregate.move_to_epoch(member, row.epoch)
        new = self._with_extremes(aggregate, result.row) if result.extreme_lost else result.row
        return replace(new, recount_due=new.recount_due or format_timestamp(now)) if has_unreadable else new

    def _with_extremes(self, aggregate: Aggregate, row: TallyRow) -> TallyRow:
        """The row after an extreme was lost, with the next one that the changes or the index contain."""
        largest, smallest = aggregate.extremes()
        return replace(
            row,
            largest=most_extreme(filter(None, (row.largest, largest)), LARGEST),
            smallest=most_extreme(filter(None, (row.smallest, smallest)), SMALLEST),
            lookups_due=EXTREME_LOOKUPS,
        )
