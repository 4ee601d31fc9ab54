"""Namespaces in the catalog table."""

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
    """The namespaces of every organization, one partition each."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def add(self, organization: str, namespace: Namespace, *, epoch: int = 0) -> None:
        """Adds a namespace under its name, or refuses: NamespaceNameTaken, NamespaceIdTaken.

        Its statistics begin in this epoch: what belonged to an earlier one, as of a namespace that is gone, does
        not count. A request may say either, so no name is the id of another namespace, and no id the name of one.
        """
        partition = keys.partition(organization, namespace.namespace_id)
        self._table.transact(
            [
                _claim(organization, namespace),
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
                *_apart(organization, namespace),
            ]
        )

    def replace(self, organization: str, old: Namespace, new: Namespace) -> None:
        """Writes the new state over the old one, or refuses: VersionConflict, NamespaceNameTaken."""
        put = Put(_row(organization, new), equals("revision", old.revision), lambda _: VersionConflict())
        if new.name == old.name:
            self._table.write(put)
            return
        unused = _name_is_no_id(organization, new)
        self._table.transact([_claim(organization, new), put, _freed(organization, old), *unused])

    def close(self, organization: str, old: Namespace, closed: Namespace, *more: Step) -> None:
        """Writes the state of a namespace that is being deleted, and keeps buckets from being added; frees its name.

        `more` is written in the same transaction. Raises VersionConflict.
        """
        partition = keys.partition(organization, old.namespace_id)
        freed = [_freed(organization, old)] if old.deletion_task is None else []
        self._table.transact(
            [
                Put(_row(organization, closed), equals("revision", old.revision), lambda _: VersionConflict()),
                *freed,
                Update(keys.totals(partition), UpdateExpression(set={"closed": True}), exists("pk")),
                *more,
            ]
        )

    def remove(self, organization: str, namespace_id: str, task_id: str) -> None:
        """Removes a namespace that this task deletes and that has no buckets, with its partition; once, if repeated."""
        partition = keys.partition(organization, namespace_id)
        # Together, since a tally is begun wherever there are totals.
        counts = [keys.totals(partition), keys.namespace_tally(partition)]
        rows = self._table.query(equals("pk", partition), attributes=("pk", "sk"))
        self._table.delete_many(row for row in rows if row not in counts)
        gone = Delete(
            keys.namespace(organization, namespace_id), equals("deletion_task", task_id), lambda _: VersionConflict()
        )
        fewer = Update(keys.organization(organization), UpdateExpression(add={"namespace_count": -1}), exists("pk"))
        with suppress(VersionConflict):  # it is gone
            self._table.transact([gone, *map(Delete, counts), fewer])

    def find(self, organization: str, identifier: str) -> Namespace | None:
        """The namespace of this id, else of this name; its totals are not read."""
        named = keys.namespace_name(organization, identifier)
        rows = {row["sk"]: row for row in self._table.get_many([keys.namespace(organization, identifier), named])}
        claim = rows.pop(named["sk"], None)
        if rows:
            return from_item(next(iter(rows.values())))
        row = self._table.get(keys.namespace(organization, claim["namespace_id"])) if claim else None
        return from_item(row) if row else None

    def deletion_task(self, organization: str, namespace_id: str) -> str | None:
        """The task that deletes the namespace of this id, if there is one and one does."""
        row = self._table.get(keys.namespace(organization, namespace_id))
        return row.get("deletion_task") if row else None

    def walk(self, organization: str) -> Iterator[Namespace]:
        """All namespaces of the organization, without their totals."""
        where = all_of(equals("pk", keys.organization(organization)["pk"]), begins_with("sk", "NS#"))
        return (from_item(row) for row in self._table.query(where))

    def with_totals(self, organization: str, namespaces: Sequence[Namespace]) -> list[Namespace]:
        """The same namespaces with their totals."""
        partitions = {n.namespace_id: keys.partition(organization, n.namespace_id) for n in namespaces}
        wanted = [key(p) for p in partitions.values() for key in (keys.totals, keys.namespace_tally)]
        rows = {(row["pk"], row["sk"]): row for row in self._table.get_many(wanted)}
        return [_totalled(namespace, partitions[namespace.namespace_id], rows) for namespace in namespaces]


def _totalled(namespace: Namespace, partition: str, rows: dict[tuple[str, str], Item]) -> Namespace:
    totals, tally = keys.totals(partition), keys.namespace_tally(partition)
    return replace(
        namespace,
        bucket_count=rows.get((totals["pk"], totals["sk"]), {}).get("bucket_count", 0),
        tally=read_tally(rows.get((tally["pk"], tally["sk"]))),
    )


def _totals(partition: str, epoch: int) -> Item:
    return {**keys.totals(partition), "bucket_count": 0, **({"counts_from": epoch} if epoch else {})}


def _claim(organization: str, namespace: Namespace) -> Step:
    item = {
        **keys.namespace_name(organization, namespace.name),
        "namespace_id": namespace.namespace_id,
    }
    return Put(item, absent("pk"), lambda _: NamespaceNameTaken(namespace.name))


def _freed(organization: str, old: Namespace) -> Step:
    claim = keys.namespace_name(organization, old.name)
    return Delete(claim, equals("namespace_id", old.namespace_id), lambda _: VersionConflict())


def _apart(organization: str, namespace: Namespace) -> list[Step]:
    """Nobody else's id is this name, and nobody else's name is this id."""
    if namespace.name == namespace.namespace_id:  # then the claim and the row themselves say so
        return []
    id_is_no_name = ConditionCheck(
        keys.namespace_name(organization, namespace.namespace_id),
        absent("pk"),
        lambda _: NamespaceIdTaken(namespace.namespace_id),
    )
    return [*_name_is_no_id(organization, namespace), id_is_no_name]


def _name_is_no_id(organization: str, namespace: Namespace) -> list[Step]:
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
