"""The rows of deliveries in the catalog table, and the writes that belong to the write of an object."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice

from chalicelib import keys
from chalicelib.aws.dynamodb.attribute_values import Item
from chalicelib.aws.dynamodb.expressions import (
    UpdateExpression,
    absent,
    all_of,
    between,
    equals,
    exists,
    greater_than,
    less_than,
)
from chalicelib.aws.dynamodb.table import Table
from chalicelib.aws.dynamodb.writes import Put, Step, Update, applied_as_revision, no_evidence
from chalicelib.core.errors import ApiError, Unavailable
from chalicelib.core.ids import is_key_part
from chalicelib.deliveries.bodies import body_of, body_rows
from chalicelib.deliveries.delivery import Delivery, from_item, to_item
from chalicelib.deliveries.errors import DeliveryChanged, DeliveryRepeated

# Attributes of the row that a new attempt replaces or removes.
CHANGING = ("state", "status", "reason", "result", "object_id", "batching", "event_type", "attempt", "changed_at")
READ_ROWS = 100


class DeliveryStore:
    """The deliveries to all buckets. `rows` is the partition key of a bucket's deliveries, see `keys.deliveries`."""

    def __init__(self, table: Table) -> None:
        self.table = table

    def find(self, rows: str, delivery_id: str) -> Delivery | None:
        """Returns the delivery, or None if it does not exist. Strongly consistent."""
        row = self.table.get(keys.delivery(rows, delivery_id)) if is_key_part(delivery_id) else None
        return from_item(row) if row else None

    def body(self, delivery: Delivery) -> bytes | None:
        """Returns the body of a delivery, or None if its rows have expired. Strongly consistent."""
        where = all_of(equals("pk", delivery.rows), between("sk", *keys.delivery_body_range(delivery.delivery_id)))
        rows = list(self.table.query(where))
        return body_of(rows) if len(rows) == delivery.body_parts else None

    def steps_of_new(self, delivery: Delivery, parts: Iterable[str], claim: str) -> list[Step]:
        """Returns the writes that store a new delivery with the parts of its compressed body.

        `claim` is a random text that identifies this attempt to store it. If the delivery exists, the error of the
        first write is DeliveryRepeated.
        """

        def was_applied(row: Item | None) -> bool | None:
            return row.get("claim") == claim if row is not None else None

        put = Put({**to_item(delivery), "claim": claim}, absent("pk"), _repeated, was_applied)
        # The rows of the body exist only with that of the delivery, so they need no condition.
        return [put, *map(Put, body_rows(delivery, parts))]

    def steps_of_attempt(self, old: Delivery, new: Delivery) -> list[Step]:
        """Returns the write that records another attempt to apply a delivery.

        The error of its condition is DeliveryChanged, if the delivery has changed since `old` was read.
        """
        row = to_item(replace(new, revision=old.revision + 1))
        update = UpdateExpression(set={**{name: row[name] for name in CHANGING}, "revision": row["revision"]})
        condition = equals("revision", old.revision)
        key = keys.delivery(old.rows, old.delivery_id)
        return [Update(key, update, condition, lambda _: DeliveryChanged(), applied_as_revision(old.revision))]

    def write(self, steps: list[Step]) -> None:
        """Applies the writes of `steps_of_new` or `steps_of_attempt` in one transaction."""
        self.table.transact(steps)

    def count_repetition(self, delivery: Delivery) -> None:
        """Records that the sender has repeated a delivery. Raises Unavailable, also if the delivery is gone."""
        key = keys.delivery(delivery.rows, delivery.delivery_id)
        update = UpdateExpression(add={"repeats": 1})
        self.table.write(Update(key, update, exists("pk"), was_applied=no_evidence))

    def walk(
        self, rows: str, *, after: str | None = None, before: str | None = None, descending: bool, state: str | None
    ) -> Iterator[tuple[str, Delivery | None]]:
        """Yields the log key of each delivery in the order of receipt, with the delivery if it has the state.

        Only deliveries with log keys between `after` and `before`, exclusively. Log keys come from an index, which is
        eventually consistent; the deliveries are read from the table. Raises DeadlineExceeded.
        """
        where = [equals("ns", rows)]
        if after is not None and before is not None and after >= before:
            return
        if after is not None and before is not None:
            where.append(between("name_key", after, before))
        elif after is not None:
            where.append(greater_than("name_key", after))
        elif before is not None:
            where.append(less_than("name_key", before))
        found = self.table.query(all_of(*where), index="by_name", descending=descending, check_deadline=True)
        entries = ((row["name_key"], row["status"]) for row in found if row["name_key"] not in (after, before))
        while chunk := list(islice(entries, READ_ROWS)):
            yield from self._read(rows, chunk, state)

    def remove_some(self, rows: str, at_most: int) -> int:
        """Deletes up to `at_most` rows about the deliveries to a bucket. Returns how many."""
        return self.table.delete_many(self.table.query_page(equals("pk", rows), at_most, attributes=("pk", "sk")))

    def _read(
        self, rows: str, entries: list[tuple[str, str]], state: str | None
    ) -> Iterator[tuple[str, Delivery | None]]:
        ids = {log_key: log_key.rpartition("#")[2] for log_key, status in entries if state in (None, status)}
        found = {}
        if ids:
            self.table.raise_if_expired()
            read = self.table.get_many(keys.delivery(rows, id_) for id_ in ids.values())
            found = {row["delivery_id"]: from_item(row) for row in read}
        for log_key, _ in entries:
            delivery = found.get(ids.get(log_key, ""))
            is_wanted = delivery is not None and state in (None, delivery.state)
            yield log_key, delivery if is_wanted else None


def _repeated(row: Item | None) -> ApiError:
    return DeliveryRepeated(from_item(row)) if row is not None else Unavailable()
