"""Statistics over tables in memory, whose streams can be delivered in every way that DynamoDB streams allow."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

from chalicelib import keys
from chalicelib.aws.dynamodb.table import Table
from chalicelib.stats.dead_letters import DeadLetters
from chalicelib.stats.handlers import ChangeFeed
from chalicelib.stats.service import Statistics
from chalicelib.stats.store import TallyStore
from chalicelib.stats.tallies import Tallies
from chalicelib.stats.tally import read_tally
from chalicelib.stats.tally_row import to_item
from chalicelib.stats.verify import count_members
from tests.support.fake_table import FakeTable, Record
from tests.support.world import FakeClock

NS = "NS#org.ns"
BUCKETS = ("bkt_1", "bkt_2")
COMPARED = ("object_count", "total_size_bytes", "failed_object_count", "max_size_bytes", "min_size_bytes")
BATCH_STATES = {
    "active": {"DRAFT", "PENDING", "QUEUED", "IN_PROGRESS", "PROCESSING"},
    "completed": {"COMPLETED", "COMPLETED_WITH_ERRORS"},
    "failed": {"FAILED"},
}


class Crash(BaseException):
    """Simulates the end of the process. A BaseException, so that no `except Exception` handles it."""


@dataclass
class Shard:
    """The records of one shard, and how many of them have been delivered."""

    records: list[Record] = field(default_factory=list)
    delivered: int = 0


@dataclass
class Stream:
    """One table's stream, divided into shards. All records of a row are in the same shard."""

    table: FakeTable
    handler: Callable[[dict[str, Any]], dict[str, Any]]
    shards: list[Shard]
    taken: int = 0

    def take(self) -> None:
        """Adds the records of new writes to the shards."""
        for record in self.table.stream[self.taken :]:
            index = zlib.crc32(repr(record["dynamodb"]["Keys"]).encode()) % len(self.shards)
            self.shards[index].records.append(record)
        self.taken = len(self.table.stream)

    def deliver(self, number: int, start: int, end: int) -> None:
        """Calls the handler once with a range of records. Delivery then continues from the first failed record.

        After a crash, it continues from the first record of the range.
        """
        self.take()
        shard = self.shards[number]
        records = shard.records[start:end]
        try:
            response = self.handler({"Records": records, "shardId": f"shard-{number}", "window": {}, "state": {}})
        except Crash:
            shard.delivered = min(shard.delivered, start)
            return
        failed = [failure["itemIdentifier"] for failure in response["batchItemFailures"]]
        if failed:
            (first,) = failed
            at = next(n for n, record in enumerate(shard.records) if record["dynamodb"]["SequenceNumber"] == first)
            shard.delivered = at
        else:
            shard.delivered = max(shard.delivered, start + len(records))

    def lose(self, is_lost: Callable[[], bool]) -> None:
        """Removes records that are not delivered yet and for which `is_lost` returns True."""
        self.take()
        for shard in self.shards:
            waiting = shard.records[shard.delivered :]
            shard.records[shard.delivered :] = [record for record in waiting if not is_lost()]

    @property
    def waiting(self) -> bool:
        """Whether there are records that have not been delivered."""
        self.take()
        return any(shard.delivered < len(shard.records) for shard in self.shards)


@dataclass
class StatsWorld:
    """One namespace with two buckets, their statistics by the code under test, and the streams of both tables.

    `on_pause` is called when a recount or a verification waits.
    """

    shards: int = 3
    clock: FakeClock = field(default_factory=FakeClock)
    dead_letters: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.catalog = FakeTable("pk", "sk")
        self.objects = FakeTable("bucket_id", "object_id", {"by_size": "size_key"})
        tables = cast(Table, self.catalog), cast(Table, self.objects)
        self.tallies = Tallies(TallyStore(tables[0]), *tables, self.clock, self.pause)
        self.stats = Statistics(self.tallies)
        self.on_pause: Callable[[], None] = lambda: None
        self.feed = ChangeFeed(self.stats, DeadLetters(lambda: self, "url"))
        self.streams = (
            Stream(self.objects, self.feed.objects_changed, [Shard() for _ in range(self.shards)]),
            Stream(self.catalog, self.feed.catalog_changed, [Shard() for _ in range(self.shards)]),
        )
        self.catalog.put({**keys.totals(NS), "bucket_count": 2})
        for bucket_id in BUCKETS:
            self.catalog.put({**keys.bucket(NS, bucket_id), "bucket_id": bucket_id, "bucket_name": bucket_id})

    def send_message(self, *, QueueUrl: str, MessageBody: str) -> None:
        self.dead_letters.append({QueueUrl: MessageBody})

    def pause(self, seconds: float) -> None:
        self.on_pause()

    def write(self, bucket_id: str, object_id: str, size: int, *, epoch: int | None = None, **more: Any) -> None:
        """Creates or replaces an object, by default in the current epoch of its bucket."""
        old = self.objects.rows.get((bucket_id, object_id))
        created = old["created_at"] if old else self.tallies.now()
        row = {
            "ns": NS,
            "bucket_id": bucket_id,
            "object_id": object_id,
            "created_at": created,
            "size_bytes": size,
            "size_key": f"{size:020}#",
            "status": "PENDING",
            "epoch": self.current_epoch(bucket_id) if epoch is None else epoch,
            **more,
        }
        if row.get("soft_deleted"):
            del row["size_key"]
        self.objects.put(row)

    def remove(self, bucket_id: str, object_id: str) -> None:
        """Removes an object if it exists."""
        if (bucket_id, object_id) in self.objects.rows:
            self.objects.remove({"bucket_id": bucket_id, "object_id": object_id})

    def write_batch(self, bucket_id: str, batch_id: str, status: str, *, epoch: int | None = None) -> None:
        """Creates or replaces a batch, by default in the current epoch of its bucket."""
        stats_epoch = self.current_epoch(bucket_id) if epoch is None else epoch
        key = keys.batch(keys.batches(NS, bucket_id), batch_id)
        self.catalog.put({**key, "batch_id": batch_id, "status": status, "stats_epoch": stats_epoch, "revision": 1})

    def remove_batch(self, bucket_id: str, batch_id: str) -> None:
        """Removes a batch if it exists."""
        key = keys.batch(keys.batches(NS, bucket_id), batch_id)
        if (key["pk"], key["sk"]) in self.catalog.rows:
            self.catalog.remove(key)

    def current_epoch(self, bucket_id: str) -> int:
        """The epoch in which members of a bucket are written."""
        tally = keys.bucket_tally(NS, bucket_id)
        epoch: int = self.catalog.rows.get((tally["pk"], tally["sk"]), {}).get("epoch", 0)
        return epoch

    def deliver_all(self) -> None:
        """Updates the indexes and delivers all records, including those that the deliveries cause."""
        for table in (self.catalog, self.objects):
            table.before_call = lambda: None
            table.lagging = False
            table.update_indexes()
        for _ in range(40):
            for stream in self.streams:
                for number, shard in enumerate(stream.shards):
                    stream.take()
                    if shard.delivered < len(shard.records):
                        stream.deliver(number, shard.delivered, len(shard.records))
            if not any(stream.waiting for stream in self.streams):
                return
        raise AssertionError("the streams still have records after 40 rounds")

    def shown(self, bucket_id: str | None) -> dict[str, Any]:
        """The statistics that clients see of a bucket, or of the namespace if `bucket_id` is None."""
        shown = to_item(self.tallies.find(self.tallies.of(NS, bucket_id)))
        return {name: shown[name] for name in COMPARED} | {"batch_stats": read_tally(shown).batch_stats}

    def expected(self, bucket_id: str | None) -> dict[str, Any]:
        """The correct statistics, by counting the rows of the tables."""
        rows = [
            row
            for (bucket, _), row in self.objects.rows.items()
            if "soft_deleted" not in row and bucket_id in (None, bucket)
        ]
        sizes = [row["size_bytes"] for row in rows]
        totals = len(rows), sum(sizes), sum(row["status"] == "FAILED" for row in rows)
        extremes = (0, 0) if bucket_id is None else (max(sizes, default=0), min(sizes, default=0))
        return {
            **dict(zip(COMPARED, (*totals, *extremes), strict=True)),
            "batch_stats": self._expected_batches(bucket_id),
        }

    def _expected_batches(self, bucket_id: str | None) -> dict[str, int]:
        pk = bucket_id and keys.batches(NS, bucket_id)
        statuses = [row["status"] for (partition, _), row in self.catalog.rows.items() if partition == pk]
        counts = {state: sum(status in names for status in statuses) for state, names in BATCH_STATES.items()}
        return {"total": len(statuses), **counts}

    def check(self) -> None:
        """Asserts that all statistics are correct."""
        for target in (*BUCKETS, None):
            assert self.shown(target) == self.expected(target), target
            count = count_members(self.tallies.of(NS, target).contributions())
            assert not [d for d in self.stats.verify(NS, target) if d.name != "recount_due"], count
