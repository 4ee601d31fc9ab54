"""The rows of namespaces in the catalog table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TypeVar

from chalicelib import keys
from chalicelib.access.errors import OrganizationNotFound
from chalicelib.aws.dynamodb.attribute_values import Item
from chalicelib.aws.dynamodb.expressions import (
    Condition,
    UpdateExpression,
    absent,
    all_of,
    any_of,
    at_most,
    begins_with,
    equals,
    exists,
)
from chalicelib.aws.dynamodb.optimistic_lock import VersionConflict
from chalicelib.aws.dynamodb.table import Table
from chalicelib.aws.dynamodb.writes import ConditionCheck, Delete, Put, Step, Update, applied_as_revision
from chalicelib.core.errors import AlreadyExists
from chalicelib.namespaces.errors import NamespaceIdTaken, NamespaceNameTaken
from chalicelib.namespaces.namespace import Namespace, from_item, to_item
from chalicelib.stats.tally import read_tally

# How long the name of a renamed namespace and the id of a deleted one stay reserved. Longer than the caches of
# instances keep a name (`wiring.CACHE_SECONDS`) and a request may last, with a margin for clocks that differ.
NAME_RESERVATION_SECONDS = 120

R = TypeVar("R")


class NamespaceStore:
    """Reads and writes namespaces. Each organization has its own partition."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def add(self, organization: str, namespace: Namespace, now_s: int, *, epoch: int = 0) -> None:
        """Stores a new namespace and reserves its name. Raises NamespaceNameTaken, NamespaceIdTaken.

        `now_s` is the current time in seconds; reservations that ended before are ignored.

        A request may refer to a namespace by id or by name, so the name must not be the id of another namespace, and
        the id must not be the name of one. Statistics start in `epoch`: changes of an earlier epoch, from a deleted
        namespace with the same id, are not counted.
        """
        partition = keys.partition(organization, namespace.namespace_id)
        self._table.transact(
            [
                *_check_name_and_id_unused(organization, namespace, now_s),
                _reserve_name(organization, namespace, now_s),
                Put(
                    _row(organization, namespace),
                    absent("pk"),
                    lambda _: _id_taken(namespace),
                ),
                Put(_totals(partition, epoch), absent("pk")),
                Update(
                    keys.organization(organization),
                    UpdateExpression(add={"namespace_count": 1}),
                    exists("pk"),
                    lambda _: OrganizationNotFound(organization),
                ),
            ]
        )

    def replace(self, organization: str, old: Namespace, new: Namespace, now_s: int) -> None:
        """Replaces the old state by the new one. Raises VersionConflict, NamespaceNameTaken.

        An old name stays reserved for this namespace until `NAME_RESERVATION_SECONDS` after `now_s`. Instances cache
        which namespace has a name, so the name must not belong to another namespace while such an entry may exist.
        """
        put = _put_next(organization, old, new)
        if new.name == old.name:
            self._table.write(put)
            return
        unused = _check_name_is_not_an_id(organization, new)
        reserve, keep = _reserve_name(organization, new, now_s), _keep_name(organization, old, now_s)
        self._table.transact([*unused, reserve, put, keep])

    def submissions(self, organization: str, namespace_id: str) -> int:
        """Returns how often batches have been submitted in the namespace. Strongly consistent."""
        row = self._table.get(keys.totals(keys.partition(organization, namespace_id)))
        return row.get("submissions", 0) if row else 0

    def close(self, organization: str, old: Namespace, closed: Namespace, *more: Step, submissions: int) -> None:
        """Stores a namespace that is being deleted, releases its name, and prevents the creation of buckets in it.

        `more` is written in the same transaction. Raises VersionConflict, also if a batch was submitted since
        `submissions` was read.
        """
        partition = keys.partition(organization, old.namespace_id)
        unchanged = equals("submissions", submissions) if submissions else absent("submissions")
        released = [_release_name(organization, old)] if old.deletion_task is None else []
        self._table.transact(
            [
                _put_next(organization, old, closed),
                *released,
                Update(
                    keys.totals(partition),
                    UpdateExpression(set={"closed": True}),
                    all_of(exists("pk"), unchanged),
                    lambda _: VersionConflict(),
                ),
                *more,
            ]
        )

    def remove(self, organization: str, namespace_id: str, task_id: str, now_s: int) -> None:
        """Removes a namespace that has no buckets, and its partition, if this task deletes it. May be repeated.

        The id stays reserved until `NAME_RESERVATION_SECONDS` after `now_s`. Instances cache that the name of the
        namespace leads to this id, so another namespace must not get the id while such an entry may exist.
        """
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
            reserve = _reserve_id(organization, namespace_id, now_s)
            self._table.transact([delete, *map(Delete, counts), decrement, reserve])

    def find(self, organization: str, identifier: str) -> Namespace | None:
        """Returns the namespace with this id, or else the one with this name, or None. Its totals are not read.

        Raises VersionConflict if the namespace gave up its name between the two reads.
        """
        name_key = keys.namespace_name(organization, identifier)
        rows = {row["sk"]: row for row in self._table.get_many([keys.namespace(organization, identifier), name_key])}
        reservation = rows.pop(name_key["sk"], None)
        if rows:
            return from_item(next(iter(rows.values())))
        if reservation is None or "ttl" in reservation:
            return None
        row = self._table.get(keys.namespace(organization, reservation["namespace_id"]))
        found = from_item(row) if row else None
        if found is None or found.name != identifier or found.deletion_task is not None:
            raise VersionConflict()
        return found

    def find_in_equal_time(self, organization: str, identifier: str) -> Item | None:
        """Returns some attributes of the namespace with this id or name, or None: id, name, end and deletion task.

        It makes the same two calls whether the namespace exists or not, and reads no more of it than these attributes,
        so that the time does not show what exists.
        """
        reservation = self._table.get(keys.namespace_name(organization, identifier))
        is_named = reservation is not None and "ttl" not in reservation
        key = keys.namespace(organization, reservation["namespace_id"] if reservation and is_named else identifier)
        where = all_of(*(equals(name, value) for name, value in key.items()))
        attributes = ("namespace_id", "namespace_name", "expires_at", "deletion_task")
        row = next(iter(self._table.query_page(where, 1, attributes=attributes)), None)
        # The namespace may have given up its name between the two calls.
        gave_up_name = row is not None and is_named and row["namespace_name"] != identifier
        return None if gave_up_name else row

    def deletion_task(self, organization: str, namespace_id: str) -> str | None:
        """Returns the id of the task that deletes this namespace. None if it does not exist or is not being deleted."""
        row = self._table.get(keys.namespace(organization, namespace_id))
        return row.get("deletion_task") if row else None

    def walk(self, organization: str) -> Iterator[Namespace]:
        """Yields all namespaces of the organization without their totals, ordered by id."""
        where = all_of(equals("pk", keys.organization(organization)["pk"]), begins_with("sk", "NS#"))
        return (from_item(row) for row in self._table.query(where))

    def until_deadline(self, rows: Iterable[R]) -> Iterator[R]:
        """Yields the rows for a caller that evaluates each of them, see `Table.until_deadline`."""
        return self._table.until_deadline(rows)

    def raise_if_expired(self) -> None:
        """Raises DeadlineExceeded if the time limit of the current request has ended."""
        self._table.raise_if_expired()

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


def _put_next(organization: str, old: Namespace, new: Namespace) -> Put:
    """Returns the write that replaces a revision of a namespace by the next one.

    A client can choose the id of a deleted namespace for a new one, which was created at another time.
    """
    condition = all_of(equals("revision", old.revision), equals("created_at", old.created_at))
    was_applied = applied_as_revision(old.revision, lambda row: bool(row["created_at"] == old.created_at))
    return Put(_row(organization, new), condition, lambda _: VersionConflict(), was_applied)


def _reserve_name(organization: str, namespace: Namespace, now_s: int) -> Step:
    item = {
        **keys.namespace_name(organization, namespace.name),
        "namespace_id": namespace.namespace_id,
    }
    return Put(item, _is_free_for(namespace, now_s), lambda row: _name_taken(namespace, row, now_s))


def _is_free_for(namespace: Namespace, now_s: int) -> Condition:
    """The condition on the row of a name that neither a name nor an id is reserved by it for another namespace.

    The reservation of the id of a deleted namespace does not have a `namespace_id`, so it is for no namespace.
    """
    return any_of(absent("pk"), at_most("ttl", now_s), equals("namespace_id", namespace.namespace_id))


def _name_taken(namespace: Namespace, reservation: Item | None, now_s: int) -> AlreadyExists:
    is_of_id = reservation is not None and "namespace_id" not in reservation
    if is_of_id and namespace.name == namespace.namespace_id:
        return _id_taken(namespace, reservation, now_s)
    return NamespaceNameTaken(namespace.name, reserved_seconds=_reserved_seconds(reservation, now_s))


def _id_taken(namespace: Namespace, reservation: Item | None = None, now_s: int = 0) -> NamespaceIdTaken:
    return NamespaceIdTaken(namespace.namespace_id, reserved_seconds=_reserved_seconds(reservation, now_s))


def _reserved_seconds(reservation: Item | None, now_s: int) -> int | None:
    """Returns how long a name or an id is still reserved, or None if a namespace has it."""
    ends_s: int | None = reservation.get("ttl") if reservation else None
    return None if ends_s is None else ends_s - now_s


def _keep_name(organization: str, old: Namespace, now_s: int) -> Step:
    """The write that keeps the old name of a renamed namespace reserved for a while. DynamoDB removes the row later."""
    reservation = keys.namespace_name(organization, old.name)
    item = {**reservation, "namespace_id": old.namespace_id, "ttl": now_s + NAME_RESERVATION_SECONDS}
    return Put(item, equals("namespace_id", old.namespace_id), lambda _: VersionConflict())


def _reserve_id(organization: str, namespace_id: str, now_s: int) -> Step:
    """The write that reserves the id of a removed namespace for a while. DynamoDB removes the row later.

    The row has the key of a name equal to the id, because the creation of a namespace checks this key anyway. It needs
    no condition: as long as a namespace exists, no other one can have its id as its name.
    """
    return Put({**keys.namespace_name(organization, namespace_id), "ttl": now_s + NAME_RESERVATION_SECONDS})


def _release_name(organization: str, old: Namespace) -> Step:
    reservation = keys.namespace_name(organization, old.name)
    return Delete(reservation, equals("namespace_id", old.namespace_id), lambda _: VersionConflict())


def _check_name_and_id_unused(organization: str, namespace: Namespace, now_s: int) -> list[Step]:
    """Returns the checks that no other namespace has this name as its id or this id as its name."""
    if namespace.name == namespace.namespace_id:  # the conditions on the two new rows check the same
        return []
    id_is_not_a_name = ConditionCheck(
        keys.namespace_name(organization, namespace.namespace_id),
        _is_free_for(namespace, now_s),
        lambda row: _id_taken(namespace, row, now_s),
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
