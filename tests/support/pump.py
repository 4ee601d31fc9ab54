"""A pump for the streams, driven by hand: it reads the engine's real records and calls the real handlers.

    world.pump()                            everything settles: all statistics are what a count says

    pump = world.pump
    pump.objects.new()                      what was written to the objects table and not asked for before
    pump.objects.history()                  all records so far, whether delivered or not
    pump.objects.deliver(records)           calls `app.on_objects_change` once, and gives back its answer
    pump.objects.deliver(records[3:], shard="another")
    pump.catalog...                         the same for `app.on_catalog_change`

Deliveries can so be repeated, cut, left out and interleaved at will; `new` moves on, whether or not what it
gave was delivered. Records of writes that changed nothing are left out, since DynamoDB makes none. It works on
every engine that has streams.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import app
from chalicelib.services import Services

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Record = dict[str, Any]
BATCH = 1000
# Touches, and looking extremes up again, write what the next round delivers. They end after a few.
ROUNDS = 30


class StreamReader:
    """The records of one table's stream, in order, each with the shard it is from."""

    def __init__(self, client: DynamoDBClient, streams: Any, table: str) -> None:
        self._streams = streams
        self.arn = client.describe_table(TableName=table)["Table"]["LatestStreamArn"]
        self._last: dict[str, str] = {}

    def read(self) -> Iterator[tuple[str, Record]]:
        """What was written since this was last called."""
        shards = self._streams.describe_stream(StreamArn=self.arn)["StreamDescription"]["Shards"]
        for shard in [shard["ShardId"] for shard in shards]:
            for record in self._shard(shard):
                self._last[shard] = record["dynamodb"]["SequenceNumber"]
                if record["dynamodb"].get("OldImage") != record["dynamodb"].get("NewImage"):
                    yield shard, as_lambda_record(record, self.arn)

    def _shard(self, shard: str) -> Iterator[Record]:
        start = {"ShardIteratorType": "TRIM_HORIZON"}
        if shard in self._last:
            start = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": self._last[shard]}
        place = self._streams.get_shard_iterator(StreamArn=self.arn, ShardId=shard, **start)["ShardIterator"]
        while place:
            answer = self._streams.get_records(ShardIterator=place)
            if not answer["Records"]:
                return
            yield from answer["Records"]
            place = answer.get("NextShardIterator")


def as_lambda_record(record: Record, arn: str) -> Record:
    """A record of the streams' API in the shape in which Lambda hands it on."""
    change = dict(record["dynamodb"])
    change["ApproximateCreationDateTime"] = change["ApproximateCreationDateTime"].timestamp()
    return {**record, "dynamodb": change, "eventSourceARN": arn}


@dataclass
class Source:
    """One table's stream and the handler that it feeds."""

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
        """The records since this was last asked for."""
        records = self.history()[self._taken :]
        self._taken += len(records)
        return records

    def deliver(self, records: Iterable[Record], *, shard: str | None = None, **event: Any) -> dict[str, Any]:
        """Calls the handler with these records, which are of one shard, and gives back what it answers."""
        given = list(records)
        first = given[0]["dynamodb"]["SequenceNumber"] if given else ""
        named = shard or self.shards.get(first, "of-nobody")
        window = {"start": "2026-01-01T00:00:00Z", "end": "2026-01-01T00:00:30Z"}
        window_event = {
            "Records": given,
            "shardId": named,
            "eventSourceARN": self.reader.arn,
            "window": window,
            "state": {},
        }
        with services_of_app(self.services):
            answer: dict[str, Any] = getattr(app, self.handler)({**window_event, **event}, None)
        return answer

    def drain(self) -> bool:
        """Delivers what is new, in the order of each shard. Whether there was anything."""
        records = self.new()
        for shard in dict.fromkeys(self.shards[record["dynamodb"]["SequenceNumber"]] for record in records):
            own = [record for record in records if self.shards[record["dynamodb"]["SequenceNumber"]] == shard]
            for start in range(0, len(own), BATCH):
                answer = self.deliver(own[start : start + BATCH])
                assert not answer["batchItemFailures"], answer
        return bool(records)


@dataclass
class Pump:
    """Both streams of a world."""

    objects: Source
    catalog: Source

    def __call__(self) -> None:
        """Delivers everything, and what follows from it, until nothing does."""
        for _ in range(ROUNDS):
            if not self.objects.drain() | self.catalog.drain():
                return
        raise AssertionError("the streams do not come to rest")


def new_pump(
    services: Callable[[], Services], client: DynamoDBClient, streams: Any, *, catalog: str, objects: str
) -> Pump:
    """A pump of these tables' streams, whose handlers work with these services."""
    return Pump(
        Source(services, "on_objects_change", StreamReader(client, streams, objects)),
        Source(services, "on_catalog_change", StreamReader(client, streams, catalog)),
    )


@contextmanager
def services_of_app(services: Callable[[], Services]) -> Iterator[None]:
    """The handlers of `app.py` work with these services while this lasts."""
    module: Any = app
    before = module.services
    module.services = services
    try:
        yield
    finally:
        module.services = before
