"""The streams of the tables: what moto remembers of every write, until it has been delivered.

moto numbers a record by the length of its list, which grows for ever. Here records leave from the front, and
the number that the list starts with goes up by as many, so that numbers never come again.

Neither records nor numbers outlive moto's memory. So the shard that records are said to come from has a name
of its own for as long as its numbers go on: in this process, and, where nothing was left undelivered when it
ended, in the next.
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

# The number of the next record of each table.
StreamPositions = dict[str, int]


class Streams:
    """The streams of an engine's tables. `whole` as long as no record was lost: all were delivered, or wait."""

    def __init__(self, backends: Backends, left: Mapping[str, Any]) -> None:
        """Goes on from `left`, what an earlier process ended with. What waits now is of loading, and no news."""
        self._backends = backends
        self.whole = bool(left)
        self.shard = str(left.get("shard") or f"local-{uuid.uuid4().hex[:16]}")
        with backends.lock:
            set_positions(backends.account, stream_positions(backends.account) | left.get("places", {}))

    def mark_rebuilt(self) -> None:
        """Forgets all that waits: it has been counted in another way, as has what was lost."""
        with self._backends.lock:
            set_positions(self._backends.account, stream_positions(self._backends.account))
        self.whole = True

    def waiting(self, table: str, max_records: int) -> list[dict[str, Any]]:
        """The oldest records that have not been taken, in the shape in which Lambda gives them to a function."""
        with self._backends.lock:
            found = self._table(table)
            held = [record.to_json() for record in found.stream_shard.items[:max_records]] if found.stream_shard else []
            source = f"{found.table_arn}/stream/{found.latest_stream_label}"
        return [{**json.loads(dynamo_json_dump(record)), "eventSourceARN": source} for record in held]

    def take(self, table: str, count: int) -> None:
        """Forgets the oldest records: they have been delivered."""
        with self._backends.lock:
            shard = self._table(table).stream_shard
            assert shard is not None
            del shard.items[:count]
            shard.starting_sequence_number += count

    def lose(self, table: str) -> None:
        """Forgets the oldest record, undelivered."""
        self.whole = False
        self.take(table, 1)

    def ended(self) -> dict[str, Any]:
        """What the next process needs to go on from here; nothing, if it cannot. Nobody writes any more."""
        waits = any(shard.items for _, shard in _shards(self._backends.account))
        if waits or not self.whole:
            return {}
        return {"shard": self.shard, "places": stream_positions(self._backends.account)}

    def _table(self, name: str) -> Table:
        return dynamodb_backends[self._backends.account][REGION].tables[name]


def stream_positions(account: str) -> StreamPositions:
    """The number of the next record of each table."""
    return {name: shard.starting_sequence_number + len(shard.items) for name, shard in _shards(account)}


def records_before(account: str, stream_positions: StreamPositions) -> dict[str, list[Any]]:
    """The records that waited when the streams were at these places."""
    return {
        name: shard.items[: stream_positions[name] - shard.starting_sequence_number]
        for name, shard in _shards(account)
        if name in stream_positions
    }


def set_positions(
    account: str, stream_positions: StreamPositions, waiting: Mapping[str, list[Any]] | None = None
) -> None:
    """The streams go on from these places, with no records waiting but those given, which come right before."""
    for name, shard in _shards(account):
        shard.items = list((waiting or {}).get(name, []))
        if name in stream_positions:
            shard.starting_sequence_number = stream_positions[name] - len(shard.items)


def _shards(account: str) -> Iterator[tuple[str, StreamShard]]:
    for name, table in dynamodb_backends[account][REGION].tables.items():
        if table.stream_shard is not None:
            yield name, table.stream_shard
