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

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import app
from chalicelib.services import Services
from tests.support.engine import ENDPOINT

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Record = dict[str, Any]
MAX_RECORDS = 1000
# Handlers may write rows (moves to another epoch, lookups of extremes). The next round delivers their records.
MAX_ROUNDS = 30


class StreamReader:
    """Reads the records of one table's stream in order, each with its shard."""

    def __init__(self, client: DynamoDBClient, streams: Any, table: str) -> None:
        self._streams = streams
        self.arn = client.describe_table(TableName=table)["Table"]["LatestStreamArn"]
        # Where each shard continues; None after the end of a shard.
        self._iterators: dict[str, str | None] = {}
        self._last: dict[str, str] = {}

    def read(self) -> Iterator[tuple[str, Record]]:
        """The shard and the record of each write since the last call."""
        if ENDPOINT:
            self._iterators.clear()  # DynamoDB Local rejects an iterator of an earlier read
        if not any(self._iterators.values()):
            self._find_shards()
        for shard in list(self._iterators):
            for record in self._shard(shard):
                self._last[shard] = record["dynamodb"]["SequenceNumber"]
                if record["dynamodb"].get("OldImage") != record["dynamodb"].get("NewImage"):
                    yield shard, as_lambda_record(record, self.arn)

    def _find_shards(self) -> None:
        shards = self._streams.describe_stream(StreamArn=self.arn)["StreamDescription"]["Shards"]
        for shard in [shard["ShardId"] for shard in shards]:
            if shard in self._iterators:
                continue
            start = {"ShardIteratorType": "TRIM_HORIZON"}
            if shard in self._last:
                start = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": self._last[shard]}
            found = self._streams.get_shard_iterator(StreamArn=self.arn, ShardId=shard, **start)
            self._iterators[shard] = found["ShardIterator"]

    def _shard(self, shard: str) -> Iterator[Record]:
        while iterator := self._iterators[shard]:
            response = self._streams.get_records(ShardIterator=iterator)
            self._iterators[shard] = response.get("NextShardIterator")
            if not response["Records"]:
                return
            yield from response["Records"]


def as_lambda_record(record: Record, arn: str) -> Record:
    """Converts a record of the streams API to the form in which Lambda delivers it."""
    change = dict(record["dynamodb"])
    change["ApproximateCreationDateTime"] = change["ApproximateCreationDateTime"].timestamp()
    return {**record, "dynamodb": change, "eventSourceARN": arn}


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
            self.shards[record["dynamodb"]["SequenceNumber"]] = shard
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


def new_pump(
    services: Callable[[], Services], client: DynamoDBClient, streams: Any, *, catalog: str, objects: str
) -> Pump:
    """A pump for the streams of these tables, whose handlers use these services."""
    return Pump(
        Source(services, "on_objects_change", StreamReader(client, streams, objects)),
        Source(services, "on_catalog_change", StreamReader(client, streams, catalog)),
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
