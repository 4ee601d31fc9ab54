"""The rows of namespaces in the catalog table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

from chalicelib import keys
from chalicelib.access.errors import OrganizationNotFound
from chalicelib.aws.dynamodb.attribute_values import Item
from chalicelib.aws.dynamodb.expressions import UpdateExpression, absent, all_of, begins_with, equals, exists
from chalicelib.aws.dynamodb.optimistic_lock import VersionConflict
from chalicelib.aws.dynamodb.table import Table
from chalicelib.aws.dynamodb.writes import ConditionCheck, Delete, Put, Step, Update
from chalicelib.namespaces.errors import NamespaceIdTaken, NamespaceNameTaken
from chalicelib.namespaces.namespace import Namespace, from_item, to_item
from chalicelib.stats.models import read_tally


class NamespaceStore:
    """Reads and writes namespaces. Each organization has its own partition."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def add(self, organization: str, namespace: Namespace, *, epoch: int = 0) -> None:
        """Stores a new namespace and reserves its name. Raises NamespaceNameTaken, NamespaceIdTaken.

        A request may refer to a namespace by id or by name, so the name must not be the id of another namespace, and
        the id must not be the name of one. Statistics start in `epoch`: changes of an earlier epoch, from a deleted
        namespace with the same id, are not counted.
        """
        partition = keys.partition(organization, namespace.namespace_id)
        self._table.transact(
            [
                _reserve_name(organization, namespace),
                Put(
                    _row(organization, namespace),
                    absent("pk"),
                    lambda _: NamespaceIdTaken(namespace.namespace_id),
                ),
                Put(_totals(partition, epoch), absent("pk")),
                Update(
                    keys.organization(organization),
                    UpdateExpression(add={"namespace_count": 1}),
                    exists("pk"),
                    lambda _: OrganizationNotFound(organization),
                ),
                *_check_name_and_id_unused(organization, namespace),
            ]
        )

    def replace(self, organization: str, old: Namespace, new: Namespace) -> None:
        """Replaces the old state by the new one. Raises VersionConflict, NamespaceNameTaken."""
        put = Put(_row(organization, new), equals("revision", old.revision), lambda _: VersionConflict())
        if new.name == old.name:
            self._table.write(put)
            return
        unused = _check_name_is_not_an_id(organization, new)
        self._table.transact([_reserve_name(organization, new), put, _release_name(organization, old), *unused])

    def close(self, organization: str, old: Namespace, closed: Namespace, *more: Step) -> None:
        """Stores a namespace that is being deleted, releases its name, and prevents the creation of buckets in it.

        `more` is written in the same transaction. Raises VersionConflict.
        """
        partition = keys.partition(organization, old.namespace_id)
        released = [_release_name(organization, old)] if old.deletion_task is None else []
        self._table.transact(
            [
                Put(_row(organization, closed), equals("revision", old.revision), lambda _: VersionConflict()),
                *released,
                Update(keys.totals(partition), UpdateExpression(set={"closed": True}), exists("pk")),
                *more,
            ]
        )

    def remove(self, organization: str, namespace_id: str, task_id: str) -> None:
        """Removes a namespace that has no buckets, and its partition, if this task deletes it. May be repeated."""
        partition = keys.partition(organization, namespace_id)
        # Removed in one transaction: while the totals exist, a stream record can create the tally again.
        counts = [keys.totals(partition), keys.namespace_tally(partition)]
        rows = self._table.query(equals("pk", partition), attributes=("pk", "sk"))
        self._table.delete_many(row for row in rows if row not in counts)
        delete = Delete(
            keys.namespace(organization, namespace_id), equals("deletion_task", task_id), lambda _: VersionConflict()
        )
        decrement = Update(keys.organization(organization), UpdateExpression(add={"namespace_count": -1}), exists("pk"))
        with suppress(VersionConflict):  # the namespace has already been removed
            self._table.transact([delete, *map(Delete, counts), decrement])

    def find(self, organization: str, identifier: str) -> Namespace | None:
        """Returns the namespace with this id, or else the one with this name, or None. Its totals are not read."""
        name_key = keys.namespace_name(organization, identifier)
        rows = {row["sk"]: row for row in self._table.get_many([keys.namespace(organization, identifier), name_key])}
        reservation = rows.pop(name_key["sk"], None)
        if rows:
            return from_item(next(iter(rows.values())))
        row = self._table.get(keys.namespace(organization, reservation["namespace_id"])) if reservation else None
        return from_item(row) if row else None

    def find_in_equal_time(self, organization: str, identifier: str) -> Item | None:
        """Returns some attributes of the namespace with this id or name, or None: id, name, end and deletion task.

        It makes the same two calls whether the namespace exists or not, and reads no more of it than these attributes,
        so that the time does not show what exists.
        """
        reservation = self._table.get(keys.namespace_name(organization, identifier))
        key = keys.namespace(organization, reservation["namespace_id"] if reservation else identifier)
        where = all_of(*(equals(name, value) for name, value in key.items()))
        attributes = ("namespace_id", "namespace_name", "expires_at", "deletion_task")
        return next(iter(self._table.query_page(where, 1, attributes=attributes)), None)

    def deletion_task(self, organization: str, namespace_id: str) -> str | None:
        """Returns the id of the task that deletes this namespace. None if it does not exist or is not being deleted."""
        row = self._table.get(keys.namespace(organization, namespace_id))
        return row.get("deletion_task") if row else None

    def walk(self, organization: str) -> Iterator[Namespace]:
        """Yields all namespaces of the organization without their totals, ordered by id."""
        where = all_of(equals("pk", keys.organization(organization)["pk"]), begins_with("sk", "NS#"))
        return (from_item(row) for row in self._table.query(where))

    def with_totals(self, organization: str, namespaces: Sequence[Namespace]) -> list[Namespace]:
        """Returns the same namespaces with their totals."""
        partitions = {n.namespace_id: keys.partition(organization, n.namespace_id) for n in namespaces}
        wanted = [key(p) for p in partitions.values() for key in (keys.totals, keys.namespace_tally)]
        rows = {(row["pk"], row["sk"]): row for row in self._table.get_many(wanted)}
        return [_with_totals(namespace, partitions[namespace.namespace_id], rows) for namespace in namespaces]


def _with_totals(namespace: Namespace, partition: str, rows: dict[tuple[str, str], Item]) -> Namespace:
    totals, tally = keys.totals(partition), keys.namespace_tally(partition)
    return replace(
        namespace,
        bucket_count=rows.get((totals["pk"], totals["sk"]), {}).get("bucket_count", 0),
        tally=read_tally(rows.get((tally["pk"], tally["sk"]))),
    )


def _totals(partition: str, epoch: int) -> Item:
    return {**keys.totals(partition), "bucket_count": 0, **({"counts_from": epoch} if epoch else {})}


def _reserve_name(organization: str, namespace: Namespace) -> Step:
    item = {
        **keys.namespace_name(organization, namespace.name),
        "namespace_id": namespace.namespace_id,
    }
    return Put(item, absent("pk"), lambda _: NamespaceNameTaken(namespace.name))


def _release_name(organization: str, old: Namespace) -> Step:
    reservation = keys.namespace_name(organization, old.name)
    return Delete(reservation, equals("namespace_id", old.namespace_id), lambda _: VersionConflict())


def _check_name_and_id_unused(organization: str, namespace: Namespace) -> list[Step]:
    """Returns the checks that no other namespace has this name as its id or this id as its name."""
    if namespace.name == namespace.namespace_id:  # the conditions on the two new rows check the same
        return []
    id_is_not_a_name = ConditionCheck(
        keys.namespace_name(organization, namespace.namespace_id),
        absent("pk"),
        lambda _: NamespaceIdTaken(namespace.namespace_id),
    )
    return [*_check_name_is_not_an_id(organization, namespace), id_is_not_a_name]


def _check_name_is_not_an_id(organization: str, namespace: Namespace) -> list[Step]:
    if namespace.name == namespace.namespace_id:
        return []
    return [
        ConditionCheck(
            keys.namespace(organization, namespace.name),
            absent("pk"),
            lambda _: NamespaceNameTaken(namespace.name),
        )
    ]


def _row(organization: str, namespace: Namespace) -> Item:
    return {**keys.namespace(organization, namespace.namespace_id), **to_item(namespace)}
