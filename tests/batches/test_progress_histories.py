"""The progress of a batch is exact for any history of its chunks, and any deliveries of the stream.

The real code runs from the Lambda event to the conditional write. Only the table is in memory. At every moment the
progress is the sum of the chunks as the delivered records show them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib import keys
from chalicelib.aws.dynamodb.attribute_values import decode
from chalicelib.aws.dynamodb.table import Table
from chalicelib.batches.outcomes import ALL_LETTERS, FAILURES, WAITING
from chalicelib.batches.progress import shown
from chalicelib.batches.progress_feed import ProgressFeed
from chalicelib.batches.progress_store import ProgressStore
from chalicelib.batches.totals import NOTHING, ItemTotals
from chalicelib.stats.dead_letters import DeadLetters
from chalicelib.stats.handlers import run_all
from tests.support.fake_table import FakeTable
from tests.support.histories import Crash, Shard, Stream
from tests.support.world import FakeClock

BATCHES = keys.batches("NS#org.ns", "bkt_1")
BATCH = "btch_1"
CHUNKS, ITEMS, SHARDS = 4, 3, 2
STEPS = st.integers(10, 50)
KINDS = [*["outcome"] * 5, "lease", "claim", "retry", "resubmit", *["deliver", "replay"] * 3]


@dataclass
class ProgressWorld:
    """A batch with its chunks, the stream of the table, and the latest state of each chunk that was delivered."""

    catalog: FakeTable = field(default_factory=lambda: FakeTable("pk", "sk"))
    epoch: int = 1
    counts_from: int = 1
    delivered: dict[str, tuple[str, dict[str, Any]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        store = ProgressStore(cast(Table, self.catalog), FakeClock(), lambda seconds: None)
        self.feed = ProgressFeed(store, DeadLetters(lambda: self, "url"))
        self.stream = Stream(self.catalog, self.handle, [Shard() for _ in range(SHARDS)])
        self.catalog.put({**keys.batch(BATCHES, BATCH), "status": "IN_PROGRESS"})
        for number in range(CHUNKS):
            self.write(number, WAITING * ITEMS, 0)

    def send_message(self, **message: Any) -> None:
        raise AssertionError("every record can be read")

    def handle(self, event: dict[str, Any]) -> dict[str, Any]:
        """Delivers an event, as the handler of the catalog's stream does."""
        records, shard = event["Records"], event["shardId"]
        response = run_all(event, self.feed.work(records, shard))
        for record in records:
            self._deliver(record["dynamodb"])
        return response

    def _deliver(self, change: dict[str, Any]) -> None:
        sort_key, sequence = change["Keys"]["sk"]["S"], change["SequenceNumber"].zfill(9)
        # A repeated record does not change what was delivered.
        if sort_key.startswith("RUN#") and sequence > self.delivered.get(sort_key, ("", {}))[0]:
            self.delivered[sort_key] = sequence, decode(change["NewImage"])

    def write(self, number: int, outcomes: str, epoch: int, **more: Any) -> None:
        self.catalog.put({**keys.chunk(BATCHES, BATCH, number), "outcomes": outcomes, "epoch": epoch, **more})

    def chunk(self, number: int) -> dict[str, Any]:
        key = keys.chunk(BATCHES, BATCH, number)
        return self.catalog.rows[key["pk"], key["sk"]]

    def claim(self, number: int) -> None:
        """Moves a chunk into the current run: a resubmission starts over, a retry repeats failed objects."""
        chunk = self.chunk(number)
        if chunk["epoch"] < self.epoch:
            again = FAILURES if chunk["epoch"] >= self.counts_from else ALL_LETTERS
            outcomes = "".join(WAITING if letter in again else letter for letter in chunk["outcomes"])
            self.write(number, outcomes, self.epoch)

    def shown(self) -> ItemTotals:
        key = keys.batch_tally(BATCHES, BATCH)
        return shown(self.catalog.rows.get((key["pk"], key["sk"])), self.counts_from)

    def sum_of(self, rows: list[dict[str, Any]]) -> ItemTotals:
        total = NOTHING
        for row in rows:
            if row["epoch"] >= self.counts_from:
                total = total.plus(ItemTotals.of(row["outcomes"]))
        return total

    def check(self) -> None:
        """Asserts that the progress is that of the delivered records, and never negative."""
        assert self.shown() == self.sum_of([row for _, row in self.delivered.values()])
        assert min(self.shown()) >= 0

    def finish(self) -> None:
        """Delivers everything, and asserts that the progress is the sum of the stored chunks."""
        for number, shard in enumerate(self.stream.shards):
            self.stream.take()
            self.stream.deliver(number, shard.delivered, len(shard.records))
        assert self.shown() == self.sum_of([self.chunk(number) for number in range(CHUNKS)])


def step(world: ProgressWorld, data: st.DataObject) -> None:
    kind = data.draw(
        st.sampled_from(["outcome"] * 5 + ["lease", "claim", "retry", "resubmit"] + ["deliver", "replay"] * 3)
    )
    number = data.draw(st.integers(0, CHUNKS - 1))
    if kind in ("deliver", "replay"):
        deliver(world, data, again=kind == "replay")
    elif kind in ("retry", "resubmit"):
        world.epoch += 1
        world.counts_from = world.epoch if kind == "resubmit" else world.counts_from
    elif kind == "lease":
        chunk = world.chunk(number)
        world.write(number, chunk["outcomes"], chunk["epoch"], lease_until=str(len(world.catalog.stream)))
    else:
        world.claim(number)
        if kind == "outcome":
            position, letter = data.draw(st.integers(0, ITEMS - 1)), data.draw(st.sampled_from(ALL_LETTERS))
            outcomes = world.chunk(number)["outcomes"]
            world.write(number, outcomes[:position] + letter + outcomes[position + 1 :], world.epoch)


def deliver(world: ProgressWorld, data: st.DataObject, *, again: bool) -> None:
    """Delivers a few records of one shard: the next ones, or with `again` earlier ones."""
    world.stream.take()
    number = data.draw(st.integers(0, SHARDS - 1))
    shard = world.stream.shards[number]
    start = data.draw(st.integers(0, shard.delivered)) if again else shard.delivered
    if start < len(shard.records):
        world.stream.deliver(number, start, start + data.draw(st.integers(1, 6)))


@settings(max_examples=settings().max_examples // 2)
@given(st.data(), STEPS)
def test_the_progress_is_the_sum_of_the_delivered_chunks_at_every_moment(data: st.DataObject, steps: int) -> None:
    world = ProgressWorld()
    for _ in range(steps):
        step(world, data)
        world.check()
    world.finish()


@settings(max_examples=settings().max_examples // 2)
@given(st.data(), STEPS)
def test_the_progress_is_exact_after_crashes_and_concurrent_deliveries(data: st.DataObject, steps: int) -> None:
    world = ProgressWorld()
    depth = 0

    def before_call() -> None:
        nonlocal depth
        event = data.draw(st.sampled_from(["none"] * 4 + ["crash", "step"])) if depth == 1 else "none"
        if event == "crash":
            raise Crash()
        if event == "step":
            run()

    def run() -> None:
        nonlocal depth
        depth += 1
        try:
            step(world, data)
        finally:
            depth -= 1

    world.catalog.before_call = before_call
    for _ in range(steps):
        run()
        assert min(world.shown()) >= 0
    world.catalog.before_call = lambda: None
    world.finish()
