"""Statistics are exact for any history of writes and any deliveries of the streams. hypothesis generates both.

Everything from the Lambda event to the conditional write is the code under test. Only the tables are in memory.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.stats.stream_records import BATCH_STATUSES
from tests.support.histories import BUCKETS, NS, Crash, StatsWorld
from tests.support.nightly import full_or_small

SIZES = st.sampled_from([0, 1, 5, 5, 9, 100, 10**12])
OBJECTS = st.sampled_from([f"obj_{n}" for n in range(5)])
BATCHES = st.sampled_from([f"btch_{n}" for n in range(3)])
STATUSES_OF_BATCHES = st.sampled_from(sorted(BATCH_STATUSES))
CHANGES = ["write", "write", "remove", "soft-delete", "write-batch", "remove-batch"]
DELIVERIES = ["deliver", "deliver", "replay"]
STEPS = st.integers(20, 60)
# The number of histories of a test.
HISTORIES = full_or_small(settings().max_examples, 30)


@dataclass
class RandomSteps:
    """Does random steps: writes, deliveries and replays."""

    world: StatsWorld
    data: st.DataObject
    stale_writers: bool = False
    calls_until_crash: int = 0
    interrupting: bool = False
    interrupts: int = 0
    _depth: int = field(default=0)

    def step(self) -> None:
        kind = self.data.draw(st.sampled_from([*CHANGES, *DELIVERIES]))
        if kind in ("deliver", "replay"):
            self.deliver(replay=kind == "replay")
        else:
            self.change(kind)

    def change(self, kind: str) -> None:
        bucket_id = self.data.draw(st.sampled_from(BUCKETS))
        if kind == "remove":
            self.world.remove(bucket_id, self.data.draw(OBJECTS))
        elif kind == "remove-batch":
            self.world.remove_batch(bucket_id, self.data.draw(BATCHES))
        elif kind == "write-batch":
            epoch = 0 if self.stale_writers and self.data.draw(st.booleans()) else None
            self.world.write_batch(bucket_id, self.data.draw(BATCHES), self.data.draw(STATUSES_OF_BATCHES), epoch=epoch)
        else:
            self.write_object(kind, bucket_id, self.data.draw(OBJECTS))

    def write_object(self, kind: str, bucket_id: str, object_id: str) -> None:
        more: dict[str, Any] = {"status": self.data.draw(st.sampled_from(["PENDING", "FAILED", "COMPLETED"]))}
        if kind == "soft-delete":
            more["soft_deleted"] = {"state": "disabled"}
        if self.stale_writers and self.data.draw(st.booleans()):
            more["epoch"] = 0
        self.world.write(bucket_id, object_id, self.data.draw(SIZES), **more)

    def deliver(self, *, replay: bool = False) -> None:
        stream = self.data.draw(st.sampled_from(self.world.streams))
        stream.take()
        number = self.data.draw(st.integers(0, len(stream.shards) - 1))
        shard = stream.shards[number]
        start = self.data.draw(st.integers(0, shard.delivered)) if replay else shard.delivered
        length = self.data.draw(st.integers(1, 6))
        if stream is self.world.streams[1]:
            # An index is updated before the stream delivers the record of the tally's write.
            self.world.objects.update_indexes()
        if start < len(shard.records):
            stream.deliver(number, start, start + length)

    def before_call(self) -> None:
        """Crashes, or does random steps, between two calls to the tables."""
        if self._depth:
            return
        if self.calls_until_crash:
            self.calls_until_crash -= 1
            if not self.calls_until_crash:
                raise Crash()
        if self.interrupting and self.interrupts < 30 and self.data.draw(st.integers(0, 4)) == 0:
            self.interrupts += 1
            self._depth += 1
            self.step()
            self._depth -= 1


def hook_calls(world: StatsWorld, random_steps: RandomSteps) -> None:
    world.objects.before_call = world.catalog.before_call = random_steps.before_call


@settings(max_examples=HISTORIES)
@given(st.data(), STEPS)
def test_statistics_are_exact_for_any_order_of_deliveries(data: st.DataObject, steps: int) -> None:
    world = StatsWorld()
    random_steps = RandomSteps(world, data)
    for _ in range(steps):
        random_steps.step()
        for bucket_id in BUCKETS:
            shown = world.shown(bucket_id)
            assert min(*shown.pop("batch_stats").values(), *shown.values()) >= 0
    world.deliver_all()
    world.check()


@settings(max_examples=HISTORIES)
@given(st.data(), STEPS)
def test_statistics_are_exact_with_concurrent_writes_and_deliveries(data: st.DataObject, steps: int) -> None:
    world = StatsWorld()
    random_steps = RandomSteps(world, data, interrupting=True)
    hook_calls(world, random_steps)
    world.objects.lagging = data.draw(st.booleans())
    for _ in range(steps):
        random_steps.step()
    world.deliver_all()
    world.check()


@settings(max_examples=HISTORIES)
@given(st.data(), STEPS)
def test_statistics_are_exact_after_crashes_between_any_two_calls(data: st.DataObject, steps: int) -> None:
    world = StatsWorld()
    random_steps = RandomSteps(world, data)
    for _ in range(steps):
        random_steps.calls_until_crash = data.draw(st.integers(0, 8))
        hook_calls(world, random_steps)
        random_steps.step()
    random_steps.calls_until_crash = 0
    world.deliver_all()
    world.check()


@pytest.mark.parametrize("namespace_too", [False, True])
@settings(max_examples=HISTORIES // 2)
@given(data=st.data(), steps=STEPS)
def test_a_recount_during_writes_corrects_lost_records(namespace_too: bool, data: st.DataObject, steps: int) -> None:
    world = StatsWorld()
    random_steps = RandomSteps(world, data)
    for _ in range(steps):
        random_steps.step()
        world.streams[0].lose(lambda: data.draw(st.integers(0, 19)) == 0)
        if namespace_too:
            world.streams[1].lose(lambda: data.draw(st.integers(0, 19)) == 0)
    random_steps.stale_writers = True
    random_steps.interrupting = True
    hook_calls(world, random_steps)
    world.on_pause = random_steps.step
    for bucket_id in BUCKETS:
        world.stats.recount(NS, bucket_id)
        random_steps.interrupts = 0
    if namespace_too:
        world.stats.recount(NS, None)
    world.on_pause = lambda: None
    for _ in range(5):
        random_steps.step()
    world.deliver_all()
    world.check()


@settings(max_examples=HISTORIES)
@given(st.data(), STEPS)
def test_the_next_recount_completes_an_interrupted_one(data: st.DataObject, steps: int) -> None:
    world = StatsWorld()
    random_steps = RandomSteps(world, data, stale_writers=True)
    for _ in range(steps):
        random_steps.step()
    for _ in range(3):
        random_steps.calls_until_crash = data.draw(st.integers(1, 40))
        hook_calls(world, random_steps)
        try:
            world.stats.recount(NS, BUCKETS[0])
        except Crash:
            random_steps.calls_until_crash = 0
        random_steps.step()
    random_steps.calls_until_crash = 0
    world.stats.recount(NS, BUCKETS[0])
    random_steps.step()
    world.deliver_all()
    world.check()


@settings(max_examples=HISTORIES)
@given(st.data(), STEPS)
def test_an_unreadable_record_affects_only_its_bucket_and_a_recount_corrects_it(
    data: st.DataObject, steps: int
) -> None:
    world = StatsWorld()
    random_steps = RandomSteps(world, data)
    for step in range(steps):
        random_steps.step()
        if step == steps // 2:
            world.write(BUCKETS[0], "obj_damaged", 7)
            image = world.objects.stream[-1]["dynamodb"]["NewImage"]
            del image["size_bytes"]
    world.deliver_all()
    assert world.dead_letters
    assert world.shown(BUCKETS[1]) == world.expected(BUCKETS[1])
    assert [d.name for d in world.stats.verify(NS, BUCKETS[0]) if d.name == "recount_due"] == ["recount_due"]
    world.on_pause = world.deliver_all
    world.stats.recount(NS, BUCKETS[0])
    world.deliver_all()
    world.check()
    assert world.stats.verify(NS, BUCKETS[0]) == []


@settings(max_examples=HISTORIES // 5)
@given(st.data(), STEPS)
def test_a_rebuild_is_exact_and_the_fold_continues_from_it(data: st.DataObject, steps: int) -> None:
    world = StatsWorld()
    random_steps = RandomSteps(world, data)
    for _ in range(steps):
        random_steps.step()
    world.stats.rebuild_all([NS])
    for stream in world.streams:  # records from before the rebuild are not delivered again
        stream.take()
        for shard in stream.shards:
            shard.records.clear()
            shard.delivered = 0
    world.check()
    for _ in range(10):
        random_steps.step()
    world.deliver_all()
    world.check()
