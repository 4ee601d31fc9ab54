"""A table in memory that keeps what `foundation.table.Table` promises, with a stream, and troubles on demand.

It is for histories of thousands of writes. Its index may lag behind, as real ones do and moto's never does;
before every call it asks a hook, which may write, deliver, or end the caller as a crash would.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from chalicelib.aws.dynamodb.attribute_values import encode
from chalicelib.aws.dynamodb.expressions import Condition
from chalicelib.aws.dynamodb.writes import ConditionCheck, Delete, Put, Step, Update, Write

Row = dict[str, Any]
Record = dict[str, Any]

_TESTS: dict[str, Callable[..., bool]] = {
    "%s = %s": operator.eq,
    "%s <> %s": operator.ne,
    "%s < %s": operator.lt,
    "%s <= %s": operator.le,
    "%s > %s": operator.gt,
    "%s >= %s": operator.ge,
    "%s BETWEEN %s AND %s": lambda value, low, high: low <= value <= high,
    "begins_with(%s, %s)": str.startswith,
}


def holds(condition: Condition | None, row: Mapping[str, Any]) -> bool:
    """Whether a row is as a condition wants it."""
    if condition is None:
        return True
    if condition.parts:
        wanted = {" AND ": all, " OR ": any}[condition.template]
        return wanted(holds(contribution, row) for contribution in condition.parts)
    if condition.template.startswith("attribute_"):
        return (condition.name in row) == condition.template.startswith("attribute_exists")
    return condition.name in row and _TESTS[condition.template](row[condition.name], *condition.values)


@dataclass
class FakeTable:
    """Rows by their keys. `indexes` names the sort key of each index."""

    hash_key: str
    range_key: str
    indexes: Mapping[str, str] = field(default_factory=dict)
    before_call: Callable[[], None] = lambda: None
    stream: list[Record] = field(default_factory=list)
    rows: dict[tuple[str, str], Row] = field(default_factory=dict)
    indexed: dict[tuple[str, str], Row] = field(default_factory=dict)
    lagging: bool = False
    writes: int = 0

    def update_indexes(self) -> None:
        """The indexes catch up."""
        self.indexed = deepcopy(self.rows)

    def get(self, key: Mapping[str, str], *, consistent: bool = True) -> Row | None:
        self.before_call()
        return deepcopy(self.rows.get(self._key(key)))

    def query(
        self,
        where: Condition,
        *,
        filter_by: Condition | None = None,
        page_size: int | None = None,
        index: str | None = None,
        descending: bool = False,
        attributes: Sequence[str] = (),
    ) -> Iterator[Row]:
        self.before_call()
        order = self.indexes[index] if index else self.range_key
        rows = [row for row in (self.indexed if index else self.rows).values() if order in row and holds(where, row)]
        for row in sorted(rows, key=lambda row: str(row[order]), reverse=descending):
            if holds(filter_by, row):
                yield {name: value for name, value in deepcopy(row).items() if not attributes or name in attributes}

    def write(self, step: Write) -> Row | None:
        self.before_call()
        key = self._key(step.item if isinstance(step, Put) else step.key)
        old = self.rows.get(key)
        if not holds(step.condition, old or {}):
            raise step.on_condition_failed(old)
        self.writes += 1
        self._put(key, old, _after(old, step))
        return deepcopy(self.rows.get(key))

    def transact(self, steps: Sequence[Step]) -> None:
        """All the writes or none."""
        self.before_call()
        for step in steps:
            row = self.rows.get(self._key(step.item if isinstance(step, Put) else step.key))
            if not holds(step.condition, row or {}):
                raise step.on_condition_failed(row)
        self.writes += 1
        for step in steps:
            if not isinstance(step, ConditionCheck):
                key = self._key(step.item if isinstance(step, Put) else step.key)
                self._put(key, self.rows.get(key), _after(self.rows.get(key), step))

    def delete_many(self, keys: Iterable[Mapping[str, str]]) -> int:
        """Removes rows without conditions."""
        self.before_call()
        gone = [key for key in map(self._key, keys) if key in self.rows]
        for key in gone:
            self._put(key, self.rows[key], None)
        return len(gone)

    def put(self, row: Mapping[str, Any]) -> None:
        """Somebody else's write."""
        self._put(self._key(row), self.rows.get(self._key(row)), dict(row))

    def remove(self, key: Mapping[str, str]) -> None:
        """Somebody else's removal."""
        self._put(self._key(key), self.rows.get(self._key(key)), None)

    def _put(self, key: tuple[str, str], old: Row | None, new: Row | None) -> None:
        new = None if new is None else {name: value for name, value in new.items() if value is not None}
        if new == old:
            return
        if new is None:
            del self.rows[key]
        else:
            self.rows[key] = deepcopy(new)
        if not self.lagging:
            self.update_indexes()
        images = {"OldImage": encode(old) if old else None, "NewImage": encode(new) if new else None}
        told = {
            "Keys": encode({self.hash_key: key[0], self.range_key: key[1]}),
            "SequenceNumber": str(98 + len(self.stream)),
            **{name: image for name, image in images.items() if image},
        }
        self.stream.append({"dynamodb": told, "eventSourceARN": self.hash_key})

    def _key(self, key: Mapping[str, Any]) -> tuple[str, str]:
        return key[self.hash_key], key[self.range_key]


def _after(old: Row | None, step: Write) -> Row | None:
    if isinstance(step, Delete):
        return None
    if isinstance(step, Put):
        return dict(step.item)
    assert isinstance(step, Update)
    assert not step.update.add
    return {**(old or step.key), **step.update.set}
