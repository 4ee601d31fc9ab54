"""Computes the capacity units of DynamoDB calls by the published rules. Local engines only approximate them.

A write unit is 1 KB of the row before or after the write, whichever is larger. A read unit is 4 KB; an eventually
consistent read costs half. Transactional writes cost twice as much. An index costs write units if its entry changes. A
write whose condition fails costs the write units of the existing row.
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
NUMBER_DIGITS_PER_BYTE = 2


class Ledger:
    """Adds up the capacity units of calls while it is open."""

    def __init__(self) -> None:
        self._is_open = False
        self.read_units = self.write_units = 0.0
        self._tables: dict[str, Any] = {}
        self._params: dict[str, Any] = {}
        self._existing: list[tuple[str, Key, Item]] = []

    def watch(self, client: Any, reader: Any, tables: Mapping[str, str]) -> None:
        """Starts to watch the calls of `client`. Rows are read with the other client `reader`.

        `tables` has the names of the tables by their logical ids in the template.
        """
        resources = json.loads(TEMPLATE.read_text())["Resources"]
        self._tables = {name: resources[logical]["Properties"] for logical, name in tables.items()}
        self._reader = reader
        client.meta.events.register("provide-client-params.dynamodb", self._before)
        client.meta.events.register("after-call.dynamodb", self._after)

    @contextmanager
    def open(self) -> Iterator[None]:
        """Counts the calls inside the block."""
        self._is_open = True
        yield
        self._is_open = False

    def _read(self, table: str, key: Key) -> Item:
        found: Item = self._reader.get_item(TableName=table, Key=dict(key), ConsistentRead=True).get("Item", {})
        return found

    def _keys(self, table: str) -> list[str]:
        return [key["AttributeName"] for key in self._tables[table]["KeySchema"]]

    def _before(self, params: dict[str, Any], model: Any, **_: Any) -> None:
        if not self._is_open:
            return
        self._params = params
        self._existing = (
            [(t, key, self._read(t, key)) for t, key in self._named(model.name)] if model.name in WRITES else []
        )

    def _after(self, model: Any, parsed: dict[str, Any], **_: Any) -> None:
        if not self._is_open:
            return
        if model.name in WRITES:
            factor = 2 if model.name == "TransactWriteItems" else 1
            self.write_units += sum(
                self._written(*row, failed="Error" in parsed, factor=factor) for row in self._existing
            )
        elif model.name == "BatchGetItem":
            for table, found in parsed["Responses"].items():
                request = self._params["RequestItems"][table]
                missing = len(request["Keys"]) - len(found)
                sizes = [*map(size, found), *[0] * missing]
                self.read_units += sum(read(bytes_, request.get("ConsistentRead")) for bytes_ in sizes)
        elif model.name in ("GetItem", "Query", "Scan"):
            found = parsed.get("Items", [parsed.get("Item", {})])
            self.read_units += read(sum(map(size, found)), self._params.get("ConsistentRead"))

    def _named(self, operation: str) -> Iterator[tuple[str, Key]]:
        if operation == "BatchWriteItem":
            steps = [
                {"TableName": table, **write}
                for table, requests in self._params["RequestItems"].items()
                for request in requests
                for write in request.values()
            ]
        elif operation == "TransactWriteItems":
            steps = [step for item in self._params["TransactItems"] for step in item.values()]
        else:
            steps = [self._params]
        for step in steps:
            attributes = step.get("Key") or step["Item"]
            yield step["TableName"], {name: attributes[name] for name in self._keys(step["TableName"])}

    def _written(self, table: str, key: Key, before: Item, *, failed: bool, factor: int) -> float:
        after = before if failed else self._read(table, key)
        indexes = self._tables[table]["GlobalSecondaryIndexes"]
        units = factor * _kilobytes(max(size(before), size(after)))
        return units + sum(_in_index(index, self._keys(table), before, after) for index in indexes)


def read(bytes_: int, consistent: bool | None) -> float:
    """Returns the read units for this number of bytes."""
    return max(1, math.ceil(bytes_ / 4096)) * (1.0 if consistent else 0.5)


def size(item: Item) -> int:
    """Returns the billed size of a row in bytes."""
    return sum(len(name.encode()) + _value_size(value) for name, value in item.items())


def _kilobytes(bytes_: int) -> int:
    return max(1, math.ceil(bytes_ / 1024))


def _value_size(value: Mapping[str, Any]) -> int:
    ((type_, content),) = value.items()
    if type_ == "S":
        return len(content.encode())
    if type_ == "N":
        return math.ceil(len(content.strip("-0").replace(".", "")) / NUMBER_DIGITS_PER_BYTE) + 1
    if type_ in ("BOOL", "NULL"):
        return 1
    if type_ == "B":
        return len(content if isinstance(content, bytes) else base64.b64decode(content))
    if type_ in ("SS", "NS"):
        return sum(_value_size({type_[0]: member}) for member in content)
    members: Iterable[Any] = content.values() if type_ == "M" else content
    names = sum(len(name.encode()) for name in content) if type_ == "M" else 0
    return 3 + names + sum(1 + _value_size(member) for member in members)


def _in_index(index: Mapping[str, Any], table_keys: list[str], before: Item, after: Item) -> float:
    """Returns the write units of an index: one write for a new, changed or removed entry, two if its key changes."""
    own_keys = [key["AttributeName"] for key in index["KeySchema"]]
    more = index["Projection"].get("NonKeyAttributes", [])
    old, new = (_projected(item, own_keys, [*table_keys, *more]) for item in (before, after))
    if old == new:
        return 0
    moved = bool(old and new) and any(old[name] != new[name] for name in own_keys)
    return _kilobytes(size(old)) + _kilobytes(size(new)) if moved else _kilobytes(max(size(old), size(new)))


def _projected(item: Item, own_keys: list[str], more: list[str]) -> dict[str, Any]:
    if any(name not in item for name in own_keys):
        return {}
    return {name: item[name] for name in {*own_keys, *more} if name in item}
