"""Mends to moto. Without the first two it is too slow for more than a few hundred rows.

* For every action of a transaction it copies the whole table, to put it back when the transaction is
  cancelled: 5 s for a transaction of three over 20 000 rows. Here only the rows that the transaction
  names are copied.
* For every query it sorts the whole table. Here only the rows in reach of the key condition are, and of these no
  more than a page can hold.
* What it does for every call and every value: see `moto_speed`.

* An update that it refuses late leaves an empty row behind, and a batch the rows before the one it stopped at.
  Here what is refused changes nothing, so that replaying what succeeded gives the same state.
* It asks boto3 for the names of regions, and so fails where the shell names an AWS profile that is not there.

The answers stay what they were, but for one liberty that DynamoDB takes too: whether a page that ends
exactly with the last match says that there might be more. `Backends` lets one call in at a time.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache, wraps
from heapq import nlargest, nsmallest
from operator import itemgetter
from typing import Any

import boto3
from moto.core.base_backend import AccountSpecificBackend
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import DynamoType, Item
from moto.dynamodb.models.table import Table
from moto.dynamodb.responses import DynamoHandler

from chalicelib.local.client import isolated_session
from chalicelib.local.moto.performance import install_performance_patches

_IN_TRANSACTION = "_in_transaction"
# What a query has besides its filters; those decide row by row, however many that takes.
_NO_FILTERS = {"hash_key_conditions", "range_key_conditions", "index_name", "consistent_read", "filter_expression"}
_by_place = itemgetter(0)


@cache
def install() -> None:
    """Mends moto for this process, once."""
    Table.__deepcopy__ = _copied  # type: ignore[attr-defined]
    DynamoDBBackend.transact_write_items = _sparing(DynamoDBBackend.transact_write_items)  # type: ignore[method-assign]
    DynamoDBBackend.update_item = _whole_update(DynamoDBBackend.update_item)  # type: ignore[method-assign]
    DynamoHandler.batch_write_item = _whole_batch(DynamoHandler.batch_write_item)  # type: ignore[method-assign]
    Table.query = _narrowed(Table.query)  # type: ignore[method-assign]
    install_performance_patches()
    session = boto3.Session(botocore_session=isolated_session())
    accounts: Any = AccountSpecificBackend
    accounts.get_session = classmethod(lambda cls: session)


def _copied(table: Table, memo: dict[int, Any]) -> Table:
    """A deep copy as ever, but of a table in a transaction, which `_sparing` looks after, no copy."""
    if getattr(table, _IN_TRANSACTION, False):
        return table
    twin: Table = object.__new__(table.__class__)
    memo[id(table)] = twin
    twin.__dict__.update(copy.deepcopy(table.__dict__, memo))
    return twin


def _sparing(original: Callable[..., None]) -> Callable[..., None]:
    @wraps(original)
    def transact_write_items(backend: DynamoDBBackend, transact_items: list[dict[str, Any]]) -> None:
        steps = [next(iter(item.values())) for item in transact_items if item]
        with _all_or_nothing(backend, steps) as tables:
            for table in tables:
                setattr(table, _IN_TRANSACTION, True)
            try:
                original(backend, transact_items)
            finally:
                for table in tables:
                    delattr(table, _IN_TRANSACTION)

    return transact_write_items


def _whole_update(original: Callable[..., Item]) -> Callable[..., Item]:
    @wraps(original)
    def update_item(backend: DynamoDBBackend, table_name: str, key: Any, *rest: Any, **named: Any) -> Item:
        with _all_or_nothing(backend, [{"TableName": table_name, "Key": key}]):
            return original(backend, table_name, key, *rest, **named)

    return update_item


def _whole_batch(original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def batch_write_item(handler: DynamoHandler) -> Any:
        steps = [
            {"TableName": name, **words}
            for name, requests in handler.body.get("RequestItems", {}).items()
            for request in requests
            for words in request.values()
        ]
        with _all_or_nothing(handler.dynamodb_backend, steps):
            return original(handler)

    return batch_write_item


@contextmanager
def _all_or_nothing(backend: DynamoDBBackend, steps: Iterable[Mapping[str, Any]]) -> Iterator[list[Table]]:
    """Puts every row that the steps name back, and the streams, when what is done with them is refused."""
    steps = list(steps)
    named = {step.get("TableName") for step in steps}
    kept = [_Kept(table, steps) for name, table in backend.tables.items() if name in named]
    try:
        yield [rows.table for rows in kept]
    except Exception:
        for rows in kept:
            rows.put_back()
        raise


class _Kept:
    """The rows that a request names, and the length of the stream, as they were before it."""

    def __init__(self, table: Table, steps: Iterable[Mapping[str, Any]]) -> None:
        self.table = table
        keys = [_key(table, step) for step in steps if step.get("TableName") == table.name]
        self._rows = [(key, copy.deepcopy(_row(table, key))) for key in keys if key is not None]
        self._stream = len(table.stream_shard.items) if table.stream_shard else 0

    def put_back(self) -> None:
        for (hash_key, range_key), row in self._rows:
            rows: Any = self.table.items if range_key is None else self.table.items[hash_key]
            key = hash_key if range_key is None else range_key
            if row is None:
                rows.pop(key, None)
            else:
                rows[key] = row
        if self.table.stream_shard:
            del self.table.stream_shard.items[self._stream :]


def _key(table: Table, step: Mapping[str, Any]) -> tuple[DynamoType, DynamoType | None] | None:
    named = step.get("Key") or step.get("Item") or {}
    try:
        range_key = DynamoType(named[table.range_key_attr]) if table.range_key_attr else None
        return DynamoType(named[table.hash_key_attr]), range_key
    except (KeyError, IndexError):
        return None  # without its key the step will be refused and change nothing


def _row(table: Table, key: tuple[DynamoType, DynamoType | None]) -> Item | None:
    hash_key, range_key = key
    rows: Any = table.items
    if range_key is None:
        return rows.get(hash_key)  # type: ignore[no-any-return]
    return rows.get(hash_key, {}).get(range_key)  # type: ignore[no-any-return]


def _narrowed(original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def query(table: Table, hash_key: Any, comparison: Any, operands: Any, *rest: Any, **named: Any) -> Any:
        limit, start, forward = rest[:3]
        index_name = named.get("index_name") or (rest[4] if len(rest) > 4 else None)
        whole = table.items
        if index_name or table.range_key_attr is None or hash_key is None:
            return original(table, hash_key, comparison, operands, *rest, **named)
        rows: dict[DynamoType, Item] = whole.get(hash_key, {})
        if comparison:
            rows = {key: row for key, row in rows.items() if key.compare(comparison, operands)}
        if limit and set(named) <= _NO_FILTERS and (not start or _is_of(table, hash_key, start)):
            after = DynamoType(start[table.range_key_attr]).cast_value if start else None
            rows = _first(rows, limit + 1, after, forward=forward)
        table.items = {hash_key: rows}  # type: ignore[assignment]
        try:
            return original(table, hash_key, comparison, operands, *rest, **named)
        finally:
            table.items = whole

    return query


def _is_of(table: Table, hash_key: DynamoType, start: dict[str, Any]) -> bool:
    """Whether a place to go on from is one of this partition."""
    has_both = table.hash_key_attr in start and table.range_key_attr in start
    return has_both and DynamoType(start[table.hash_key_attr]) == hash_key


def _first(rows: dict[DynamoType, Item], many: int, after: Any, *, forward: bool) -> dict[DynamoType, Item]:
    """So many rows in the order of a query, behind a place; sorting them all would take longer than the rest of it."""
    places = ((key.cast_value, key) for key in rows)
    if after is not None:
        places = ((place, key) for place, key in places if (place > after if forward else place < after))
    chosen = nsmallest(many, places, _by_place) if forward else nlargest(many, places, _by_place)
    return {key: rows[key] for _, key in chosen}
