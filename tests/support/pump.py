"""Delivers the engine's stream records to the real handlers of `app.py`, driven by a test.

    world.pump()                            delivers everything; afterwards all statistics are exact

    pump = world.pump
    pump.objects.new()                      the records of the objects table since the last call of `new`
    pump.objects.history()                  all records so far, delivered or not
    pump.objects.deliver(records)           calls `app.on_objects_change` once and returns its response
    pump.objects.deliver(records[3:], shard="another")
    pump.catalog...                         the same for `app.on_catalog_change`

A test can repeat, split, omit and reorder deliveries. Records of writes that changed nothing are left out, because
DynamoDB writes none for them. The pump works with every engine that has streams.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.utilities import dynamo_json_dump

import app
from chalicelib.local.moto.rows import REGION
from chalicelib.services import Services
from tests.support.engine import ENDPOINT, backends_of, new_streams_client

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Record = dict[str, Any]
MAX_RECORDS = 1000
# Handlers may write rows (moves to another epoch, lookups of extremes). The next round delivers their records.
MAX_ROUNDS = 30


class StreamReader(Protocol):
    """Reads the records of one table's stream in order, each with its shard."""

    arn: str

    def read(self) -> Iterator[tuple[str, Record]]:
        """Yields the shard and the record of each write since the last call, as Lambda delivers the record."""


class EngineStream:
    """Reads a stream through the API of DynamoDB Streams."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._streams = new_streams_client(client)
        self.arn = _arn_of_stream(client, table)
        self._last: dict[str, str] = {}

    def read(self) -> Iterator[tuple[str, Record]]:
        shards = self._streams.describe_stream(StreamArn=self.arn)["StreamDescription"]["Shards"]
        # DynamoDB Local rejects an iterator of an earlier read.
        iterators = {shard["ShardId"]: self._iterator(shard["ShardId"]) for shard in shards}
        for shard, iterator in iterators.items():
            for record in self._records(iterator):
                self._last[shard] = record["dynamodb"]["SequenceNumber"]
                change = dict(record["dynamodb"])
                change["ApproximateCreationDateTime"] = change["ApproximateCreationDateTime"].timestamp()
                yield shard, {**record, "dynamodb": change, "eventSourceARN": self.arn}

    def _iterator(self, shard: str) -> str:
        start = {"ShardIteratorType": "TRIM_HORIZON"}
        if shard in self._last:
            start = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": self._last[shard]}
        found = self._streams.get_shard_iterator(StreamArn=self.arn, ShardId=shard, **start)
        return str(found["ShardIterator"])

    def _records(self, iterator: str | None) -> Iterator[Record]:
        while iterator:
            response = self._streams.get_records(ShardIterator=iterator)
            iterator = response.get("NextShardIterator")
            if not response["Records"]:
                return
            yield from response["Records"]


class MotoStream:
    """Reads a stream from moto's memory, which takes a hundredth of the time."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._tables = dynamodb_backends[backends_of(client).account][REGION].tables
        self._name = table
        self.arn = _arn_of_stream(client, table)
        self._count = 0

    def read(self) -> Iterator[tuple[str, Record]]:
        shard = self._tables[self._name].stream_shard
        assert shard is not None
        new = shard.items[self._count :]
        self._count += len(new)
        for record in new:
            yield shard.id, {**json.loads(dynamo_json_dump(record.to_json())), "eventSourceARN": self.arn}


def _arn_of_stream(client: DynamoDBClient, table: str) -> str:
    return client.describe_table(TableName=table)["Table"]["LatestStreamArn"]


def new_stream_reader(client: DynamoDBClient, table: str) -> StreamReader:
    """Returns a reader of the stream of a table, which begins with its oldest record."""
    return EngineStream(client, table) if ENDPOINT else MotoStream(client, table)


@dataclass
class Source:
    """One table's stream and the handler of its records."""

    services: Callable[[], Services]
    handler: str
    reader: StreamReader
    shards: dict[str, str] = field(default_factory=dict)
    _records: list[Record] = field(default_factory=list)
    _taken: int = 0

    def history(self) -> list[Record]:
        """All records so far."""
        for shard, record in self.reader.read():
            change = record["dynamodb"]
            if change.get("OldImage") != change.get("NewImage"):
                self.shards[change["SequenceNumber"]] = shard
                self._records.append(record)
        return list(self._records)

    def new(self) -> list[Record]:
        """The records since the last call."""
        records = self.history()[self._taken :]
        self._taken += len(records)
        return records

    def deliver(self, records: Iterable[Record], *, shard: str | None = None, **event: Any) -> dict[str, Any]:
        """Calls the handler with these records, which must be from one shard, and returns its response."""
        event_records = list(records)
        first = event_records[0]["dynamodb"]["SequenceNumber"] if event_records else ""
        shard_id = shard or self.shards.get(first, "unknown")
        window = {"start": "2026-01-01T00:00:00Z", "end": "2026-01-01T00:00:30Z"}
        window_event = {
            "Records": event_records,
            "shardId": shard_id,
            "eventSourceARN": self.reader.arn,
            "window": window,
            "state": {},
        }
        with services_of_app(self.services):
            response: dict[str, Any] = getattr(app, self.handler)({**window_event, **event}, None)
        return response

    def drain(self) -> bool:
        """Delivers new records in the order of their shards. Returns whether there were any."""
        records = self.new()
        for shard in dict.fromkeys(self.shards[record["dynamodb"]["SequenceNumber"]] for record in records):
            own = [record for record in records if self.shards[record["dynamodb"]["SequenceNumber"]] == shard]
            for start in range(0, len(own), MAX_RECORDS):
                response = self.deliver(own[start : start + MAX_RECORDS])
                assert not response["batchItemFailures"], response
        return bool(records)


@dataclass
class Pump:
    """The streams of both tables of a world."""

    objects: Source
    catalog: Source

    def __call__(self) -> None:
        """Delivers all records, including those that the deliveries cause, until there are none."""
        for _ in range(MAX_ROUNDS):
            if not self.objects.drain() | self.catalog.drain():
                return
        raise AssertionError("the streams still have records after MAX_ROUNDS rounds")


def new_pump(services: Callable[[], Services], client: DynamoDBClient, *, catalog: str, objects: str) -> Pump:
    """A pump for the streams of these tables, whose handlers use these services."""
    return Pump(
        Source(services, "on_objects_change", new_stream_reader(client, objects)),
        Source(services, "on_catalog_change", new_stream_reader(client, catalog)),
    )


@contextmanager
def services_of_app(services: Callable[[], Services]) -> Iterator[None]:
    """Replaces the services of `app.py` within the context."""
    module: Any = app
    original = module.services
    module.services = services
    try:
        yield
    finally:
        module.services = original
