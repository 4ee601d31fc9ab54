"""Statistics are exact for any deliveries of the engine's streams. hypothesis generates the deliveries.

`test_histories.py` covers more cases with tables in memory. Here an engine makes the records, shards, sequence numbers
and images.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.stats.conftest import Shown, new_bucket
from tests.support.api import Api
from tests.support.batch_rows import remove_batch, write_batch
from tests.support.catalog import partition_of
from tests.support.object_rows import remove_object, write_object
from tests.support.pump import MAX_ROUNDS, Source
from tests.support.world import World

SIZES = st.sampled_from([0, 1, 5, 5, 9, 100, 10**12])
OBJECTS = st.sampled_from([f"obj_{n}" for n in range(5)])
STATUSES = st.sampled_from(["PENDING", "FAILED", "COMPLETED"])
CHANGES = ["write", "write", "write", "soft-delete", "remove", "write-batch", "remove-batch"]
STEP_KINDS = st.sampled_from([*CHANGES, "deliver", "deliver", "replay"])
BATCHES = st.sampled_from([f"btch_{n}" for n in range(3)])
STEPS = st.integers(10, 40)
names = (f"bucket-{number}" for number in itertools.count())


class Delivery:
    """Delivers new records of one stream in parts of any size, and again from any point. Each shard stays in order."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.before = len(source.history())
        self.delivered: dict[str, int] = defaultdict(int)

    def deliver_some(self, data: st.DataObject, *, again: bool) -> None:
        """Delivers a few records of one of the shards: the next ones, or with `again` earlier ones."""
        if shards := self._by_shard():
            shard = data.draw(st.sampled_from(sorted(shards)))
            start = data.draw(st.integers(0, self.delivered[shard])) if again else self.delivered[shard]
            self._deliver(shards[shard], shard, start, start + data.draw(st.integers(1, 6)))

    def deliver_rest(self) -> bool:
        """Delivers all records that were never delivered. Returns whether there were any."""
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


def change(world: World, bucket: str, kind: str, data: st.DataObject, sizes: dict[str, int]) -> None:
    """Writes or removes one object, and updates `sizes`, which maps the ids of the bucket's objects to their sizes."""
    object_id, size = data.draw(OBJECTS), data.draw(SIZES)
    sizes.pop(object_id, None)
    if kind == "remove":
        remove_object(world, bucket, object_id)
    elif kind == "soft-delete":
        soft_deletion = {"soft_deleted": {"state": "disabled"}, "size_key": None, "created_key": None}
        write_object(world, bucket, object_id, size, **soft_deletion)
    else:
        write_object(world, bucket, object_id, size, status=data.draw(STATUSES))
        sizes[object_id] = size


def change_batch(world: World, bucket: str, kind: str, data: st.DataObject, batches: dict[str, str]) -> None:
    """Writes or removes one batch, and updates `batches`, which maps the ids of batches to their states."""
    batch_id = data.draw(BATCHES)
    batches.pop(batch_id, None)
    if kind == "remove-batch":
        remove_batch(world, bucket, batch_id)
    else:
        batches[batch_id] = data.draw(STATUSES)
        write_batch(world, bucket, batch_id, batches[batch_id])


def deliver_all(*streams: Delivery) -> None:
    """Delivers all records, including those that the deliveries cause."""
    for _ in range(MAX_ROUNDS):
        delivered = [stream.deliver_rest() for stream in streams]
        if not any(delivered):
            return
    raise AssertionError("the streams still have records after MAX_ROUNDS rounds")


@settings(max_examples=settings().max_examples // 8)
@given(data=st.data(), steps=STEPS)
def test_statistics_are_exact_for_any_order_of_deliveries_of_real_streams(
    world: World, api: Api, shown: Shown, data: st.DataObject, steps: int
) -> None:
    world.pump()  # deliver what an aborted example of hypothesis left
    bucket = new_bucket(api, next(names))
    streams = Delivery(world.pump.objects), Delivery(world.pump.catalog)
    sizes: dict[str, int] = {}
    batches: dict[str, str] = {}
    for _ in range(steps):
        kind = data.draw(STEP_KINDS)
        if kind in ("deliver", "replay"):
            data.draw(st.sampled_from(streams)).deliver_some(data, again=kind == "replay")
        elif kind.endswith("batch"):
            change_batch(world, bucket, kind, data, batches)
        else:
            change(world, bucket, kind, data, sizes)
    deliver_all(*streams)
    totals = shown(bucket)
    assert (totals["object_count"], totals["total_size_bytes"]) == (len(sizes), sum(sizes.values()))
    assert (totals["max"], totals["min"]) == (max(sizes.values(), default=0), min(sizes.values(), default=0))
    states = Counter(batches.values())
    assert api.get(f"/v1/buckets/{bucket}").json["batch_stats"] == {
        "total": len(batches),
        "active": states["PENDING"],
        "completed": states["COMPLETED"],
        "failed": states["FAILED"],
    }
    for bucket_id in (bucket, None):
        assert world.services.stats.verify(partition_of(world), bucket_id) == []
