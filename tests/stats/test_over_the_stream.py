"""However the engine's own streams are delivered, statistics are what a count says: hypothesis invents the deliveries.

`test_histories.py` goes further, over tables in memory; here the records, their shards, numbers and images are those
that an engine makes.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.stats.conftest import Shown, new_bucket
from tests.support.api import Api
from tests.support.catalog import partition_of
from tests.support.pump import ROUNDS, Source
from tests.support.rows import remove_object, write_object
from tests.support.world import World

SIZES = st.sampled_from([0, 1, 5, 5, 9, 100, 10**12])
OBJECTS = st.sampled_from([f"obj_{n}" for n in range(5)])
STATUSES = st.sampled_from(["PENDING", "FAILED", "COMPLETED"])
DOES = st.sampled_from(["write", "write", "write", "hide", "remove", "deliver", "deliver", "replay"])
STEPS = st.integers(10, 40)
names = (f"bucket-{number}" for number in itertools.count())


class Delivery:
    """One stream from now on, delivered in any pieces and again from any point, but each of its shards in order."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.before = len(source.history())
        self.delivered: dict[str, int] = defaultdict(int)

    def any(self, data: st.DataObject, *, again: bool) -> None:
        """A few records of one of the shards, next or again."""
        if shards := self._by_shard():
            shard = data.draw(st.sampled_from(sorted(shards)))
            start = data.draw(st.integers(0, self.delivered[shard])) if again else self.delivered[shard]
            self._deliver(shards[shard], shard, start, start + data.draw(st.integers(1, 6)))

    def rest(self) -> bool:
        """What was never delivered. Whether there was anything."""
        waiting = {shard: own for shard, own in self._by_shard().items() if self.delivered[shard] < len(own)}
        for shard, own in waiting.items():
            self._deliver(own, shard, self.delivered[shard], len(own))
        return bool(waiting)

    def _deliver(self, own: list[Any], shard: str, start: int, end: int) -> None:
        if records := own[start:end]:
            assert self.source.deliver(records, shard=shard)["batchItemFailures"] == []
            self.delivered[shard] = max(self.delivered[shard], start + len(records))

    def _by_shard(self) -> dict[str, list[Any]]:
        found: dict[str, list[Any]] = defaultdict(list)
        for record in self.source.history()[self.before :]:
            found[self.source.shards[record["dynamodb"]["SequenceNumber"]]].append(record)
        return found


def change(world: World, bucket: str, does: str, data: st.DataObject, sizes: dict[str, int]) -> None:
    """A write of one object. `sizes` is what the bucket then holds."""
    object_id, size = data.draw(OBJECTS), data.draw(SIZES)
    sizes.pop(object_id, None)
    if does == "remove":
        remove_object(world, bucket, object_id)
    elif does == "hide":
        hidden = {"soft_deleted": {"state": "disabled"}, "size_key": None, "created_key": None}
        write_object(world, bucket, object_id, size, **hidden)
    else:
        write_object(world, bucket, object_id, size, status=data.draw(STATUSES))
        sizes[object_id] = size


def settle(*streams: Delivery) -> None:
    """Delivers everything, and what follows from it."""
    for _ in range(ROUNDS):
        delivered = [stream.rest() for stream in streams]
        if not any(delivered):
            return
    raise AssertionError("the streams do not come to rest")


@settings(max_examples=settings().max_examples // 8)
@given(data=st.data(), steps=STEPS)
def test_statistics_are_exact_for_any_order_of_deliveries_of_real_streams(
    world: World, api: Api, shown: Shown, data: st.DataObject, steps: int
) -> None:
    world.pump()  # what an example left that hypothesis broke off
    bucket = new_bucket(api, next(names))
    streams = Delivery(world.pump.objects), Delivery(world.pump.catalog)
    sizes: dict[str, int] = {}
    for _ in range(steps):
        does = data.draw(DOES)
        if does in ("deliver", "replay"):
            data.draw(st.sampled_from(streams)).any(data, again=does == "replay")
        else:
            change(world, bucket, does, data, sizes)
    settle(*streams)
    totals = shown(bucket)
    assert (totals["object_count"], totals["total_size_bytes"]) == (len(sizes), sum(sizes.values()))
    assert (totals["max"], totals["min"]) == (max(sizes.values(), default=0), min(sizes.values(), default=0))
    for aggregate in (bucket, None):
        assert world.services.stats.verify(partition_of(world), aggregate) == []
