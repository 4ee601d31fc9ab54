"""The streams of the tables: moto's record of every write, until it has been delivered.

moto numbers a record by the length of its list, which only grows. Here delivered records are removed from the front,
and the list's starting number is increased by as many, so that no number is used twice.

Records and numbers are only in memory. Therefore the shard of the records has a random name. The next process uses the
same name only if every record had been delivered.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.table import StreamShard, Table
from moto.dynamodb.models.utilities import dynamo_json_dump

from chalicelib.local.moto.backends import Backends
from chalicelib.local.moto.rows import REGION

# The number of the next record, for each table.
StreamPositions = dict[str, int]


class Streams:
    """The streams of an engine's tables.

    `complete` says that no record was lost: each was delivered or is waiting.
    """

    def __init__(self, backends: Backends, saved: Mapping[str, Any]) -> None:
        """Continues from `saved`, the `final_state` of an earlier process, which may be empty.

        Discards the waiting records, which come from loading the data.
        """
        self._backends = backends
        self.complete = bool(saved)
        self.shard = str(saved.get("shard") or f"local-{uuid.uuid4().hex[:16]}")
        with backends.lock:
            set_positions(backends.account, stream_positions(backends.account) | saved.get("places", {}))

    def mark_rebuilt(self) -> None:
        """Discards all waiting records, after the statistics have been rebuilt without them."""
        with self._backends.lock:
            set_positions(self._backends.account, stream_positions(self._backends.account))
        self.complete = True

    def waiting(self, table: str, max_records: int) -> list[dict[str, Any]]:
        """Returns the oldest records that have not been delivered, in the form of Lambda's events."""
        with self._backends.lock:
            found = self._table(table)
            shard = found.stream_shard
            records = [record.to_json() for record in shard.items[:max_records]] if shard else []
            source = f"{found.table_arn}/stream/{found.latest_stream_label}"
        return [{**json.loads(dynamo_json_dump(record)), "eventSourceARN": source} for record in records]

    def take(self, table: str, count: int) -> None:
        """Removes the oldest records, which have been delivered."""
        with self._backends.lock:
            shard = self._table(table).stream_shard
            assert shard is not None
            del shard.items[:count]
            shard.starting_sequence_number += count

    def lose(self, table: str) -> None:
        """Removes the oldest record, which cannot be delivered."""
        self.complete = False
        self.take(table, 1)

    def final_state(self) -> dict[str, Any]:
        """Returns what the next process needs to continue from here, or {} if some record was not delivered.

        There must be no further writes.
        """
        has_waiting = any(shard.items for _, shard in _shards(self._backends.account))
        if has_waiting or not self.complete:
            return {}
        return {"shard": self.shard, "places": stream_positions(self._backends.account)}

    def _table(self, name: str) -> Table:
        return dynamodb_backends[self._backends.account][REGION].tables[name]


def is_final_state(saved: Mapping[str, Any]) -> bool:
    """Returns whether a document has the form of `final_state`."""
    shard, positions = saved.get("shard"), saved.get("places")
    return (
        isinstance(shard, str)
        and isinstance(positions, dict)
        and all(type(position) is int for position in positions.values())
    )


def stream_positions(account: str) -> StreamPositions:
    """Returns the number of the next record, for each table."""
    return {name: shard.starting_sequence_number + len(shard.items) for name, shard in _shards(account)}


def records_before(account: str, positions: StreamPositions) -> dict[str, list[Any]]:
    """Returns the waiting records with numbers below these positions, for each table."""
    return {
        name: shard.items[: positions[name] - shard.starting_sequence_number]
        for name, shard in _shards(account)
        if name in positions
    }


def set_positions(account: str, positions: StreamPositions, waiting: Mapping[str, list[Any]] | None = None) -> None:
    """Sets the numbers of the next records, and the waiting records, which have the numbers just below."""
    for name, shard in _shards(account):
        shard.items = list((waiting or {}).get(name, []))
        if name in positions:
            shard.starting_sequence_number = positions[name] - len(shard.items)


def _shards(account: str) -> Iterator[tuple[str, StreamShard]]:
    for name, table in dynamodb_backends[account][REGION].tables.items():
        if table.stream_shard is not None:
            yield name, table.stream_shard
