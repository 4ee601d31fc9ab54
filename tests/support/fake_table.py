"""A table in memory that behaves like `Table`. tests/aws/dynamodb/test_table.py runs the same tests on both.

Tests of histories with thousands of writes use it. It also has a stream, indexes that may lag behind (as those of
DynamoDB do, but those of moto never), and a hook before every call, which may write, deliver records, or raise an
exception that simulates a crash. It has no time limits, retries or lost responses.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from chalicelib.aws.dynamodb.attribute_values import decode, encode, encode_value
from chalicelib.aws.dynamodb.expressions import Condition
from chalicelib.aws.dynamodb.table import BATCH_GET_KEYS, BATCH_WRITE_ROWS
from chalicelib.aws.dynamodb.writes import ConditionCheck, Delete, Put, Step, Update, Write
from chalicelib.core.json_equality import json_equal, json_equal_to_any

Row = dict[str, Any]
Record = dict[str, Any]
RowKey = tuple[str, str]

_EQUALITY: dict[str, Callable[[Any, Any], bool]] = {
    "%s = %s": json_equal,
    "%s <> %s": lambda value, other: not json_equal(value, other),
}
_ORDER: dict[str, Callable[..., bool]] = {
    "%s < %s": operator.lt,
    "%s <= %s": operator.le,
    "%s > %s": operator.gt,
    "%s >= %s": operator.ge,
    "%s BETWEEN %s AND %s": lambda value, low, high: low <= value <= high,
    "begins_with(%s, %s)": str.startswith,
}


def holds(condition: Condition | None, row: Mapping[str, Any]) -> bool:
    """Returns whether a row meets a condition."""
    if condition is None:
        return True
    if condition.parts:
        results = (holds(part, row) for part in condition.parts)
        if condition.template == "NOT ":
            return not next(results)
        return {" AND ": all, " OR ": any}[condition.template](results)
    if condition.template.startswith("attribute_"):
        return (condition.name in row) == condition.template.startswith("attribute_exists")
    return condition.name in row and _matches(condition, row[condition.name])


def _matches(condition: Condition, value: Any) -> bool:
    if condition.template in _EQUALITY:
        return _EQUALITY[condition.template](value, *condition.values)
    if condition.template == "contains(%s, %s)":
        (wanted,) = condition.values
        if isinstance(value, str):
            return isinstance(wanted, str) and wanted in value
        return isinstance(value, list) and json_equal_to_any(wanted, value)
    if condition.template == "size(%s) = %s":
        return bool(len(value) == condition.values[0])
    # DynamoDB compares the order of values of the same type only.
    same_type = len({next(iter(encode_value(each))) for each in (value, *condition.values)}) == 1
    return same_type and _ORDER[condition.template](value, *condition.values)


@dataclass
class FakeTable:
    """Rows by their keys. `indexes` maps the name of each index to its sort key."""

    hash_key: str
    range_key: str
    indexes: Mapping[str, str] = field(default_factory=dict)
    before_call: Callable[[], None] = lambda: None
    stream: list[Record] = field(default_factory=list)
    rows: dict[RowKey, Row] = field(default_factory=dict)
    indexed: dict[RowKey, Row] = field(default_factory=dict)
    lagging: bool = False
    writes: int = 0

    def update_indexes(self) -> None:
        """Updates the indexes to the current rows. A write replaces a row, and never changes it in place."""
        self.indexed = dict(self.rows)

    def get(self, key: Mapping[str, str], *, consistent: bool = True) -> Row | None:
        self.before_call()
        return deepcopy(self.rows.get(self._key(key)))

    def get_many(self, keys: Iterable[Mapping[str, str]], *, attributes: Sequence[str] = ()) -> list[Row]:
        found: list[Row] = []
        for chunk in _chunks(map(self._key, keys), BATCH_GET_KEYS):
            self.before_call()
            found.extend(_projected(self.rows[key], attributes) for key in chunk if key in self.rows)
        return found

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
        last: tuple[str, RowKey] | None = None
        while True:
            self.before_call()
            rows = self._sorted(where, index, descending=descending, after=last)
            for _, row in rows[:page_size]:
                if holds(filter_by, row):
                    yield _projected(row, attributes)
            if page_size is None or len(rows) <= page_size:
                return
            last = rows[page_size - 1][0]

    def query_page(self, where: Condition, limit: int, *, attributes: Sequence[str] = ()) -> list[Row]:
        self.before_call()
        return [_projected(row, attributes) for _, row in self._sorted(where)[:limit]]

    def count(self, where: Condition, *, limit: int | None = None) -> int:
        self.before_call()
        return len(self._sorted(where)[:limit])

    def write(self, step: Write) -> Row | None:
        self.before_call()
        old = self._checked(step)
        self.writes += 1
        new = self._apply(step)
        return deepcopy({Put: None, Update: new, Delete: old}[type(step)])

    def transact(self, steps: Sequence[Step], *, before: Sequence[tuple[Any, Step]] = ()) -> None:
        assert not before, "this table has no others beside it"
        self.before_call()
        for step in steps:
            self._checked(step)
        self.writes += 1
        for step in steps:
            if not isinstance(step, ConditionCheck):
                self._apply(step)

    def delete_many(self, keys: Iterable[Mapping[str, str]]) -> int:
        deleted = 0
        for chunk in _chunks(map(self._key, keys), BATCH_WRITE_ROWS):
            self.before_call()
            for key in chunk:
                self._replace(key, None)
            deleted += len(chunk)
        return deleted

    def put_many(self, items: Iterable[Mapping[str, Any]]) -> None:
        for item in items:
            self.put(item)

    def put(self, row: Mapping[str, Any]) -> None:
        """Writes a row as another process would: without the hook."""
        self._replace(self._key(row), row)

    def remove(self, key: Mapping[str, str]) -> None:
        """Deletes a row as another process would: without the hook."""
        self._replace(self._key(key), None)

    def _key(self, key: Mapping[str, Any]) -> RowKey:
        return key[self.hash_key], key[self.range_key]

    def _key_of(self, step: Step) -> RowKey:
        return self._key(step.item if isinstance(step, Put) else step.key)

    def _sorted(
        self,
        where: Condition,
        index: str | None = None,
        *,
        descending: bool = False,
        after: tuple[str, RowKey] | None = None,
    ) -> list[tuple[tuple[str, RowKey], Row]]:
        """Returns the rows that match a key condition and follow `after`, in order, each with its position."""
        order = self.indexes[index] if index else self.range_key
        rows = self.indexed if index else self.rows
        found = [((row[order], key), row) for key, row in rows.items() if order in row and holds(where, row)]
        is_after = operator.lt if descending else operator.gt
        return sorted(
            (entry for entry in found if after is None or is_after(entry[0], after)),
            key=operator.itemgetter(0),
            reverse=descending,
        )

    def _checked(self, step: Step) -> Row | None:
        """Returns the existing row of a step. Raises the error of the step if its condition fails."""
        row = self.rows.get(self._key_of(step))
        if not holds(step.condition, row or {}):
            raise step.on_condition_failed(deepcopy(row))
        return row

    def _apply(self, step: Write) -> Row | None:
        key = self._key_of(step)
        return self._replace(key, _after(self.rows.get(key), step))

    def _replace(self, key: RowKey, new: Mapping[str, Any] | None) -> Row | None:
        """Stores a row, or deletes it if `new` is None, and adds a stream record. Returns the row as it is stored."""
        old = self.rows.get(key)
        stored = None if new is None else decode(encode(new))
        if json_equal(stored, old):
            return stored
        if stored is None:
            del self.rows[key]
        else:
            self.rows[key] = stored
        if not self.lagging:
            self.update_indexes()
        self._record(key, old, stored)
        return stored

    def _record(self, key: RowKey, old: Row | None, new: Row | None) -> None:
        images = {"OldImage": encode(old) if old else None, "NewImage": encode(new) if new else None}
        change = {
            "Keys": encode({self.hash_key: key[0], self.range_key: key[1]}),
            "SequenceNumber": str(98 + len(self.stream)),
            **{name: image for name, image in images.items() if image},
        }
        self.stream.append({"dynamodb": change, "eventSourceARN": self.hash_key})


def _after(old: Row | None, step: Write) -> Row | None:
    """Returns the row after a write, or None if the write deletes it."""
    if isinstance(step, Delete):
        return None
    if isinstance(step, Put):
        return dict(step.item)
    before: Row = old or dict(step.key)
    sums = {name: _sum(before.get(name), added) for name, added in step.update.add.items()}
    removed = set(step.update.remove)
    after = {**before, **step.update.set, **sums}
    return {name: value for name, value in after.items() if name not in removed}


def _sum(old: Any, added: int | frozenset[int]) -> Any:
    return (old or frozenset()) | added if isinstance(added, frozenset) else (old or 0) + added


def _projected(row: Row, attributes: Sequence[str]) -> Row:
    return deepcopy({name: value for name, value in row.items() if not attributes or name in attributes})


def _chunks(keys: Iterable[RowKey], size: int) -> Iterator[list[RowKey]]:
    distinct = iter(dict.fromkeys(keys))
    while chunk := list(islice(distinct, size)):
        yield chunk
