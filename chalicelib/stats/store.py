"""Tally rows in the catalog table."""

from __future__ import annotations

from collections.abc import Iterator

from chalicelib import keys
from chalicelib.aws.dynamodb.expressions import UpdateExpression, absent, all_of, between, equals, exists
from chalicelib.aws.dynamodb.optimistic_lock import VersionConflict
from chalicelib.aws.dynamodb.table import Table
from chalicelib.aws.dynamodb.writes import ConditionCheck, Key, Update
from chalicelib.stats.tally_row import TallyRow, from_item, to_item


class TallyStore:
    """The tallies of buckets and namespaces."""

    def __init__(self, catalog: Table) -> None:
        self._catalog = catalog

    def find(self, key: Key) -> TallyRow | None:
        """The tally in the row of this key."""
        row = self._catalog.get(key)
        return from_item(row) if row else None

    def first(self, owner_key: Key) -> TallyRow | None:
        """The tally that begins under a `owner_key`, in the epoch that this says; None where there is no such row."""
        row = self._catalog.get(owner_key)
        if row is None:
            return None
        epoch = row.get("counts_from", 0)
        return TallyRow(epoch=epoch, open_from=epoch)

    def replace(self, key: Key, owner_key: Key, old: TallyRow, new: TallyRow) -> None:
        """Writes what differs, in one update. Raises VersionConflict where the old state is no longer there.

        A first state needs the row of what is tallied, its `owner_key`.
        """
        before, after = to_item(old), to_item(new)
        # A row that is not there yet is written whole.
        changed = {name: value for name, value in after.items() if not old.revision or value != before[name]}
        condition = equals("revision", old.revision) if old.revision else absent("revision")
        step = Update(key, UpdateExpression(set=changed), condition, lambda _: VersionConflict())
        if old.revision:
            self._catalog.write(step)
        else:
            self._catalog.transact([step, ConditionCheck(owner_key, exists("pk"), lambda _: VersionConflict())])

    def bucket_ids(self, partition: str) -> Iterator[str]:
        """The ids of a namespace's buckets."""
        where = all_of(equals("pk", partition), between("sk", *keys.buckets_range()))
        for row in self._catalog.query(where, only=exists("bucket_name"), attributes=("bucket_id",)):
            yield row["bucket_id"]
