"""What DynamoDB charges for calls, by its published rules: the local engines only guess at it.

A unit of writing is 1 KB of the larger of a row before and after, a unit of reading 4 KB, and half of it where the
read may be old. A transaction pays its rows twice. An index pays for what changes in it. A refused write pays for
the row that it met.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from chalicelib.local.tables import TEMPLATE

Item = Mapping[str, Any]
Key = Mapping[str, Any]
WRITES = ("PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems", "BatchWriteItem")
_NUMBER_DIGITS_A_BYTE = 2


class Ledger:
    """Adds up what calls are charged while it is open."""

    def __init__(self) -> None:
        self._is_open = False
        self.read_units = self.write_units = 0.0
        self._tables: dict[str, Any] = {}
        self._params: dict[str, Any] = {}
        self._met: list[tuple[str, Key, Item]] = []

    def watch(self, client: Any, aside: Any, tables: Mapping[str, str]) -> None:
        """From now on sees the calls of `client`, reading rows through `aside`.

        `tables` are the names of tables by the names that the template has for them.
        """
        resources = json.loads(TEMPLATE.read_text())["Resources"]
        self._tables = {name: resources[logical]["Properties"] for logical, name in tables.items()}
        self._aside = aside
        client.meta.events.register("provide-client-params.dynamodb", self._before)
        client.meta.events.register("after-call.dynamodb", self._after)

    @contextmanager
    def open(self) -> Iterator[None]:
        """Counts what is called in the block."""
        self._is_open = True
        yield
        self._is_open = False

    def _peek(self, table: str, key: Key) -> Item:
        found: Item = self._aside.get_item(TableName=table, Key=dict(key), ConsistentRead=True).get("Item", {})
        return found

    def _keys(self, table: str) -> list[str]:
        return [key["AttributeName"] for key in self._tables[table]["KeySchema"]]

    def _before(self, params: dict[str, Any], model: Any, **_: Any) -> None:
        if not self._is_open:
            return
        self._params = params
        self._met = [(t, key, self._peek(t, key)) for t, key in self._named(model.name)] if model.name in WRITES else []

    def _after(self, model: Any, parsed: dict[str, Any], **_: Any) -> None:
        if not self._is_open:
            return
        if model.name in WRITES:
            factor = 2 if model.name == "TransactWriteItems" else 1
            self.write_units += sum(self._written(*met, refused="Error" in parsed, factor=factor) for met in self._met)
        elif model.name == "BatchGetItem":
            for table, found in parsed["Responses"].items():
                asked = self._params["RequestItems"][table]
                missing = len(asked["Keys"]) - len(found)
                sizes = [*map(size, found), *[0] * missing]
                self.read_units += sum(read(bytes_, asked.get("ConsistentRead")) for bytes_ in sizes)
        elif model.name in ("GetItem", "Query", "Scan"):
            found = parsed.get("Items", [parsed.get("Item", {})])
            self.read_units += read(sum(map(size, found)), self._params.get("ConsistentRead"))

    def _named(self, operation: str) -> Iterator[tuple[str, Key]]:
        if operation == "BatchWriteItem":
            steps = [
                {"TableName": table, **words}
                for table, requests in self._params["RequestItems"].items()
                for request in requests
                for words in request.values()
            ]
        elif operation == "TransactWriteItems":
            steps = [step for item in self._params["TransactItems"] for step in item.values()]
        else:
            steps = [self._params]
        for step in steps:
            held = step.get("Key") or step["Item"]
            yield step["TableName"], {name: held[name] for name in self._keys(step["TableName"])}

    def _written(self, table: str, key: Key, before: Item, *, refused: bool, factor: int) -> float:
        after = before if refused else self._peek(table, key)
        indexes = self._tables[table]["GlobalSecondaryIndexes"]
        units = factor * _kilobytes(max(size(before), size(after)))
        return units + sum(_in_index(index, self._keys(table), before, after) for index in indexes)


def read(bytes_: int, consistent: bool | None) -> float:
    """What reading so much costs, in units."""
    return max(1, math.ceil(bytes_ / 4096)) * (1.0 if consistent else 0.5)


def size(item: Item) -> int:
    """The bytes of a row, as they are charged."""
    return sum(len(name.encode()) + _value_size(value) for name, value in item.items())


def _kilobytes(bytes_: int) -> int:
    return max(1, math.ceil(bytes_ / 1024))


def _value_size(value: Mapping[str, Any]) -> int:
    ((kind, held),) = value.items()
    if kind == "S":
        return len(held.encode())
    if kind == "N":
        return math.ceil(len(held.strip("-0").replace(".", "")) / _NUMBER_DIGITS_A_BYTE) + 1
    if kind in ("BOOL", "NULL"):
        return 1
    if kind == "B":
        return len(held if isinstance(held, bytes) else base64.b64decode(held))
    if kind in ("SS", "NS"):
        return sum(_value_size({kind[0]: member}) for member in held)
    members: Iterable[Any] = held.values() if kind == "M" else held
    names = sum(len(name.encode()) for name in held) if kind == "M" else 0
    return 3 + names + sum(1 + _value_size(member) for member in members)


def _in_index(index: Mapping[str, Any], table_keys: list[str], before: Item, after: Item) -> float:
    """One write for a new, changed or vanished entry; two for one that moves."""
    own_keys = [key["AttributeName"] for key in index["KeySchema"]]
    more = index["Projection"].get("NonKeyAttributes", [])
    was, is_ = (_projected(item, own_keys, [*table_keys, *more]) for item in (before, after))
    if was == is_:
        return 0
    moved = bool(was and is_) and any(was[name] != is_[name] for name in own_keys)
    return _kilobytes(size(was)) + _kilobytes(size(is_)) if moved else _kilobytes(max(size(was), size(is_)))


def _projected(item: Item, own_keys: list[str], more: list[str]) -> dict[str, Any]:
    if any(name not in item for name in own_keys):
        return {}
    return {name: item[name] for name in {*own_keys, *more} if name in item}
