"""Tally rows in the catalog table."""

from __future__ import annotations

from collections.abc import Iterator

from chalicelib import keys
from chalicelib.aws.dynamodb.attribute_values import Item
from chalicelib.aws.dynamodb.expressions import UpdateExpression, absent, all_of, between, equals, exists
from chalicelib.aws.dynamodb.optimistic_lock import VersionConflict
from chalicelib.aws.dynamodb.table import Table
from chalicelib.aws.dynamodb.writes import ConditionCheck, Key, Update
from chalicelib.stats.tally_row import TallyRow, from_item, to_item


def _never_counted_twice(_: object) -> bool:
    """After a conflict the tally is read again, and its checkpoints show what was counted, so no proof is needed."""
    return False


class TallyStore:
    """The tallies of buckets and namespaces."""

    def __init__(self, catalog: Table) -> None:
        self._catalog = catalog

    def find(self, key: Key) -> TallyRow | None:
        """The tally with this key, or None if there is no such row."""
        row = self._row(key)
        return from_item(row) if row else None

    def initial(self, owner_key: Key) -> TallyRow | None:
        """The empty tally of a bucket or namespace, in the epoch that its own row names.

        Returns None if the bucket or namespace does not exist.
        """
        row = self._row(owner_key)
        if row is None:
            return None
        epoch = row.get("counts_from", 0)
        return TallyRow(epoch=epoch, open_from=epoch)

    def replace(self, key: Key, owner_key: Key, old: TallyRow, new: TallyRow) -> None:
        """Writes the attributes that differ, in one update. Raises VersionConflict if the stored row is not `old`.

        The first write of a tally also checks that the row with `owner_key` exists.
        """
        before, after = to_item(old), to_item(new)
        # Revision 0 means that the row does not exist yet; then all attributes are written.
        changed = {name: value for name, value in after.items() if not old.revision or value != before[name]}
        condition = equals("revision", old.revision) if old.revision else absent("revision")
        update = Update(
            key, UpdateExpression(set=changed), condition, lambda _: VersionConflict(), _never_counted_twice
        )
        if old.revision:
            self._catalog.write(update)
        else:
            self._catalog.transact([update, ConditionCheck(owner_key, exists("pk"), lambda _: VersionConflict())])

    def bucket_ids(self, partition: str) -> Iterator[str]:
        """The ids of the buckets in a namespace's partition."""
        condition = all_of(equals("pk", partition), between("sk", *keys.buckets_range()))
        for row in self._catalog.query(condition, filter_by=exists("bucket_name"), attributes=("bucket_id",)):
            yield row["bucket_id"]

    def _row(self, key: Key) -> Item | None:
        return self._catalog.get(key)
