"""The rows of moto's tables, sorted by the keys of the table and of its indexes, so that a query need not compare all.

The order of a table or of an index is built by its first query, and then follows every write.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, NamedTuple

from moto.dynamodb.models.dynamo_type import DynamoType, Item
from moto.dynamodb.models.table import Table

_ORDERS = "_orders"
# The values of a row's sort key and, in an index, of its primary key, which together are unique in a partition.
SortKey = tuple[str, ...]
# A sort key, followed by the row. A sort key sorts directly before its entry.
_Entry = tuple[Any, ...]
_sort_key = itemgetter(slice(-1))
_first_value = itemgetter(0)


class Place(NamedTuple):
    """Where a row is: the value of its partition key, and its sort key."""

    partition: str
    sort_key: SortKey


@dataclass(frozen=True, slots=True)
class Page:
    """The part of the matching rows that a query needs: the first `count` after a sort key, in ascending order or not.

    None means from the first row, and all rows.
    """

    after: SortKey | None
    count: int | None
    forward: bool


class Order:
    """The rows of a table or of an index by partition, in the order of their sort keys. Both keys must be strings."""

    def __init__(self, partition_key: str, sort_keys: Sequence[str], rows: Iterable[Item]) -> None:
        """The keys are the names of attributes."""
        self._names = (partition_key, *sort_keys)
        self._partitions: dict[str, list[_Entry]] = defaultdict(list)
        self._places: dict[tuple[str, str], Place] = {}
        # The primary keys of rows with a key attribute of another type, which DynamoDB rejects and moto stores.
        self._misfits: set[tuple[str, str]] = set()
        for row in rows:
            place = self._note(row)
            if place is not None:
                self._partitions[place.partition].append((*place.sort_key, row))
        for entries in self._partitions.values():
            entries.sort(key=_sort_key)

    @property
    def is_complete(self) -> bool:
        """Whether every row with the key attributes has a place in the order."""
        return not self._misfits

    def put(self, row: Item) -> None:
        """Adds a row that is new, or whose key attributes may have changed."""
        self.remove(row)
        place = self._note(row)
        if place is not None:
            insort(self._partitions[place.partition], (*place.sort_key, row), key=_sort_key)

    def remove(self, row: Item) -> None:
        """Removes the row with the primary key of this one, if it is present."""
        primary_key = _primary_key(row)
        self._misfits.discard(primary_key)
        place = self._places.pop(primary_key, None)
        if place is not None:
            entries = self._partitions[place.partition]
            del entries[bisect_left(entries, place.sort_key)]
            if not entries:
                del self._partitions[place.partition]

    def select(self, partition: str, condition: Condition, page: Page) -> list[Item]:
        """Returns the rows of a partition that match the condition and belong to the page."""
        entries = self._partitions.get(partition, [])
        first, last = condition(entries)
        if page.after is not None and page.forward:
            first = max(first, bisect_right(entries, page.after, key=_sort_key))
        elif page.after is not None:
            last = min(last, bisect_left(entries, page.after))
        size = max(0, last - first)
        count = size if page.count is None else min(size, page.count)
        chosen = entries[first : first + count] if page.forward else entries[last - count : last][::-1]
        return [entry[-1] for entry in chosen]

    def place(self, attributes: Mapping[str, DynamoType]) -> Place | None:
        """Returns the place of a row with these attributes, or None if one of its keys is missing or is no string."""
        values = [attributes.get(name) for name in self._names]
        partition, *sort_key = (value.value for value in values if value is not None and value.type == "S")
        return Place(partition, tuple(sort_key)) if len(sort_key) == len(values) - 1 else None

    def _note(self, row: Item) -> Place | None:
        """Records and returns the place of a row, or None if it has none."""
        place = self.place(row.attrs)
        if place is not None:
            self._places[_primary_key(row)] = place
        elif all(name in row.attrs for name in self._names):
            self._misfits.add(_primary_key(row))
        return place


# Returns the first and the last (exclusive) position of the entries that match.
Condition = Callable[[Sequence[_Entry]], tuple[int, int]]


def every_row(entries: Sequence[_Entry]) -> tuple[int, int]:
    """The condition of a query that names only the partition."""
    return 0, len(entries)


def sort_key_condition(comparison: str, operands: Sequence[str]) -> Condition | None:
    """Returns the condition that the sort key has in a query, or None if moto has to interpret it."""
    (low, *_), high = operands, operands[-1]

    def left(entries: Sequence[_Entry], value: str) -> int:
        return bisect_left(entries, value, key=_first_value)

    def right(entries: Sequence[_Entry], value: str) -> int:
        return bisect_right(entries, value, key=_first_value)

    def after_prefix(entries: Sequence[_Entry]) -> int:
        return bisect_right(entries, low, key=lambda entry: entry[0][: len(low)])

    conditions: dict[str, Condition] = {
        "=": lambda entries: (left(entries, low), right(entries, low)),
        "<": lambda entries: (0, left(entries, low)),
        "<=": lambda entries: (0, right(entries, low)),
        ">": lambda entries: (right(entries, low), len(entries)),
        ">=": lambda entries: (left(entries, low), len(entries)),
        "BETWEEN": lambda entries: (left(entries, low), right(entries, high)),
        "BEGINS_WITH": lambda entries: (left(entries, low), after_prefix(entries)),
    }
    return conditions.get(comparison)


class Orders:
    """The orders of a table, each with the rows as they are now."""

    def __init__(self, table: Table) -> None:
        self.rows = table.items
        self._table = table
        self._orders: dict[tuple[str, SortKey], Order] = {}

    def order(self, partition_key: str, sort_keys: SortKey) -> Order:
        """Returns the order by these attributes."""
        wanted = (partition_key, sort_keys)
        if wanted not in self._orders:
            self._orders[wanted] = Order(partition_key, sort_keys, self._table.all_items())
        return self._orders[wanted]

    def put(self, row: Item) -> None:
        """Adds a row that is new, or that may have changed."""
        for order in self._orders.values():
            order.put(row)

    def remove(self, row: Item) -> None:
        """Removes a row."""
        for order in self._orders.values():
            order.remove(row)


def orders_of(table: Table) -> Orders:
    """Returns the orders of a table. Those of rows that moto has replaced altogether are built again."""
    orders = existing_orders(table)
    if orders is None or orders.rows is not table.items:
        orders = table.__dict__[_ORDERS] = Orders(table)
    return orders


def existing_orders(table: Table) -> Orders | None:
    """Returns the orders of a table that has been queried, else None."""
    return table.__dict__.get(_ORDERS)


def _primary_key(row: Item) -> tuple[str, str]:
    assert row.range_key is not None
    return row.hash_key.value, row.range_key.value
