"""The progress of batches, counted by the real handler from the engine's stream."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from chalicelib import keys
from chalicelib.aws.dynamodb.attribute_values import decode, encode
from chalicelib.aws.dynamodb.writes import Delete, Put
from chalicelib.batches.progress import NO_PROGRESS, Progress, from_item, shown, to_item
from chalicelib.batches.totals import NOTHING, ItemTotals
from chalicelib.local.events.rebuild import rebuild_progress
from chalicelib.local.moto.backends import Backends
from chalicelib.stats.checkpoints import Checkpoint
from tests.support.api import Api
from tests.support.batch_rows import remove_batch, write_batch
from tests.support.catalog import catalog, partition_of
from tests.support.log import Log
from tests.support.seeding import traffic
from tests.support.world import World, bucket_body

BATCH = "btch_1"


@pytest.fixture
def bucket(api: Api) -> str:
    return str(api.post("/v1/buckets", bucket_body()).json["bucket_id"])


@pytest.fixture
def batches(world: World, bucket: str) -> str:
    """The partition key of the batches of a bucket that has one batch."""
    write_batch(world, bucket, BATCH, "IN_PROGRESS")
    world.pump()
    return keys.batches(partition_of(world), bucket)


def write_chunk(world: World, batches: str, number: int, outcomes: str, epoch: int = 1, **more: Any) -> None:
    catalog(world).write(Put({**keys.chunk(batches, BATCH, number), "outcomes": outcomes, "epoch": epoch, **more}))


def progress_row(world: World, batches: str) -> dict[str, Any] | None:
    return catalog(world).get(keys.batch_tally(batches, BATCH))


def progress(world: World, batches: str, counts_from: int = 0) -> ItemTotals:
    return shown(progress_row(world, batches), counts_from)


def test_each_outcome_has_its_number(world: World, batches: str) -> None:
    write_chunk(world, batches, 0, "CCCMMDSdnva-")
    write_chunk(world, batches, 1, "xxr")
    world.pump()
    totals = progress(world, batches)
    assert totals.completed == 3
    assert (totals.changed, totals.deleted, totals.already_completed, totals.skipped) == (2, 1, 1, 4)
    assert totals.by_category() == {
        "dependency": 1,
        "network": 1,
        "validation": 1,
        "authentication": 1,
        "runtime": 2,
        "resource": 1,
    }
    assert (totals.failed, totals.processed) == (7, 14)


def test_outcomes_of_void_runs_are_not_shown(world: World, batches: str) -> None:
    write_chunk(world, batches, 0, "CCd", epoch=1)
    write_chunk(world, batches, 1, "C", epoch=1)
    world.pump()
    write_chunk(world, batches, 0, "C--", epoch=2)
    world.pump()
    assert progress(world, batches, counts_from=1) == ItemTotals(completed=2)
    assert progress(world, batches, counts_from=2) == ItemTotals(completed=1)
    assert progress(world, batches, counts_from=3) == NOTHING
    write_chunk(world, batches, 1, "C", epoch=2)
    world.pump()
    assert set((progress_row(world, batches) or {})["totals"]) == {"2"}, "empty runs are not stored"


def test_a_change_without_outcomes_makes_no_call(world: World, batches: str) -> None:
    write_chunk(world, batches, 0, "---")
    write_chunk(world, batches, 0, "---", lease_owner="worker", current=0)
    records = world.pump.catalog.new()
    with traffic(world) as seen:
        world.pump.catalog.deliver(records)
    assert (len(records), seen.calls) == (2, [])


def test_many_records_of_a_batch_cost_one_write(world: World, batches: str) -> None:
    write_chunk(world, batches, 0, "C--")
    world.pump()
    for outcomes in ("CC-", "CCC"):
        write_chunk(world, batches, 0, outcomes)
    records = world.pump.catalog.new()
    with traffic(world) as seen:
        world.pump.catalog.deliver(records)
    assert seen.calls == ["GetItem", "UpdateItem"]
    with traffic(world) as seen:
        world.pump.catalog.deliver(records)
    assert seen.calls == ["GetItem"]


def test_the_progress_is_not_a_member_of_the_statistics(world: World, api: Api, batches: str, bucket: str) -> None:
    write_chunk(world, batches, 0, "C")
    world.pump()
    assert api.get(f"/v1/buckets/{bucket}").json["batch_stats"]["total"] == 1
    assert world.services.stats.verify(partition_of(world), bucket) == []


def test_records_of_a_deleted_batch_leave_no_progress(world: World, batches: str, bucket: str) -> None:
    write_chunk(world, batches, 0, "C-")
    world.pump()
    write_chunk(world, batches, 0, "CC")
    remove_batch(world, bucket, BATCH)
    catalog(world).write(Delete(keys.batch_tally(batches, BATCH)))
    world.pump()
    assert progress_row(world, batches) is None


@pytest.mark.parametrize("invalid", [{"outcomes": "C?"}, {"outcomes": ""}, {"epoch": -1}, {"epoch": "1"}], ids=str)
def test_a_chunk_that_cannot_be_read_is_skipped(world: World, batches: str, invalid: dict[str, Any], log: Log) -> None:
    write_chunk(world, batches, 0, "CC")
    write_chunk(world, batches, 1, **{"outcomes": "CC", **invalid})
    assert world.pump.catalog.deliver(world.pump.catalog.new())["batchItemFailures"] == []
    assert progress(world, batches) == ItemTotals(completed=2)
    (line,) = [line for line in log.lines if line["message"] == "A stream record cannot be read"]
    assert line["keys"]["sk"] == {"S": f"RUN#{BATCH}#0001"}


def test_a_rebuild_counts_the_chunks(world: World, batches: str, backends: Backends | None) -> None:
    if backends is None:
        pytest.skip("tests run on another engine")
    write_chunk(world, batches, 0, "Cd")
    write_chunk(world, batches, 1, "d")
    world.pump()
    write_chunk(world, batches, 0, "CC", epoch=2)
    write_chunk(world, batches, 1, "-", epoch=2)
    world.pump.catalog.new()  # these records are lost
    for _ in range(2):
        rebuild_progress(world.services.stats, backends, world.tables.catalog)
        assert progress(world, batches) == ItemTotals(completed=2)
    assert (progress_row(world, batches) or {})["checkpoints"] == {}


def test_a_rebuild_withdraws_outcomes_that_no_chunk_has(world: World, batches: str, backends: Backends | None) -> None:
    if backends is None:
        pytest.skip("tests run on another engine")
    write_chunk(world, batches, 0, "d")
    world.pump()
    write_chunk(world, batches, 0, "-", epoch=2)
    world.pump.catalog.new()
    rebuild_progress(world.services.stats, backends, world.tables.catalog)
    assert progress(world, batches) == NOTHING


def test_a_row_is_read_as_it_was_written() -> None:
    now = "2026-01-01T00:00:00.000Z"
    row = Progress({1: ItemTotals(1, 2, 3), 4: ItemTotals(resource=5)}, {"s": Checkpoint("0" * 40, now)}, now, 6)
    assert from_item(decode(json.loads(json.dumps(encode(to_item(row)))))) == row
    assert from_item({}) == NO_PROGRESS
    assert to_item(replace(row, totals={1: NOTHING}))["totals"] == {}
