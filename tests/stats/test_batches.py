"""The batches of a bucket in its statistics, computed by the real handlers from the engine's streams."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner

from chalicelib import keys
from chalicelib.admin.__main__ import admin
from chalicelib.aws.dynamodb.expressions import UpdateExpression, exists
from chalicelib.aws.dynamodb.writes import Put, Update
from tests.stats.conftest import Shown
from tests.support.api import Api
from tests.support.batch_rows import batch_key, remove_batch, write_batch
from tests.support.catalog import catalog, partition_of
from tests.support.object_rows import write_object
from tests.support.seeding import traffic
from tests.support.world import World

ACTIVE = ("DRAFT", "PENDING", "QUEUED", "IN_PROGRESS", "PROCESSING")
LATER = "2026-01-01T13:00:00.000Z"


@pytest.fixture(autouse=True)
def no_pauses(world: World) -> None:
    """The statistics deliver the streams when they wait."""
    object.__setattr__(world.services.stats.tallies, "pause", lambda seconds: world.pump())


def batch_stats(api: Api, bucket: str) -> dict[str, int]:
    return dict(api.get(f"/v1/buckets/{bucket}").json["batch_stats"])


def counts(total: int, active: int = 0, completed: int = 0, failed: int = 0) -> dict[str, int]:
    return {"total": total, "active": active, "completed": completed, "failed": failed}


def stats(world: World, command: str) -> list[dict[str, Any]]:
    """Returns the rows that `stats verify` or `stats recount` prints for all buckets and namespaces."""
    result = CliRunner().invoke(admin, ["stats", command, "--all", "--json"], obj=lambda: world.services)
    return list(json.loads(result.stdout))


def test_a_bucket_and_its_list_show_the_number_of_batches_by_state(world: World, api: Api, bucket: str) -> None:
    for status in (*ACTIVE, "COMPLETED", "COMPLETED_WITH_ERRORS", "FAILED", "CANCELED"):
        write_batch(world, bucket, f"btch_{status}", status)
    world.pump()
    expected = counts(9, active=5, completed=2, failed=1)
    assert batch_stats(api, bucket) == expected
    (listed,) = api.post("/v1/buckets/list", {}).json["results"]
    assert listed["batch_stats"] == expected
    for status in (*ACTIVE, "COMPLETED", "COMPLETED_WITH_ERRORS", "FAILED", "CANCELED"):
        remove_batch(world, bucket, f"btch_{status}")
    world.pump()
    assert batch_stats(api, bucket) == counts(0)


def test_a_batch_changes_its_state(world: World, api: Api, bucket: str) -> None:
    for status, expected in (
        ("DRAFT", counts(1, active=1)),
        ("IN_PROGRESS", counts(1, active=1)),
        ("FAILED", counts(1, failed=1)),
        ("COMPLETED", counts(1, completed=1)),
    ):
        write_batch(world, bucket, "btch_1", status)
        world.pump()
        assert batch_stats(api, bucket) == expected


def test_a_batch_that_is_being_removed_is_not_counted(world: World, api: Api, bucket: str) -> None:
    write_batch(world, bucket, "btch_1", "FAILED")
    world.pump()
    write_batch(world, bucket, "btch_1", "FAILED", is_removed=True)
    world.pump()
    assert batch_stats(api, bucket) == counts(0)
    assert stats(world, "verify") == []
    remove_batch(world, bucket, "btch_1")
    world.pump()
    assert batch_stats(api, bucket) == counts(0)


def test_batches_change_only_their_counts_and_the_time_of_the_statistics(
    world: World, api: Api, bucket: str, shown: Shown
) -> None:
    write_object(world, bucket, "obj_1", 10)
    world.pump()
    before, namespace = shown(bucket), api.get("/v1/namespaces/films")
    world.clock.advance(5)
    write_batch(world, bucket, "btch_1", "DRAFT")
    world.pump()
    after = shown(bucket)
    assert after.pop("stats_updated_at") > before.pop("stats_updated_at")
    assert after == before
    assert api.get("/v1/namespaces/films").headers["ETag"] == namespace.headers["ETag"]


@pytest.mark.parametrize("objects", [0, 1])
def test_a_change_of_batches_makes_no_call_for_the_namespace(world: World, bucket: str, objects: int) -> None:
    for number in range(objects):
        write_object(world, bucket, f"obj_{number}", 10)
    world.pump()
    for status in ("DRAFT", "COMPLETED"):
        write_batch(world, bucket, "btch_1", status)
        world.pump.catalog.drain()
        records = world.pump.catalog.new()
        assert {record["dynamodb"]["Keys"]["sk"]["S"] for record in records} == {f"BKT#{bucket}#TALLY"}
        with traffic(world) as seen:
            world.pump.catalog.deliver(records)
        assert seen.calls == []


def test_the_first_object_of_a_bucket_with_batches_is_counted_in_its_namespace(
    world: World, api: Api, bucket: str
) -> None:
    world.services.stats.recount(partition_of(world), None)  # the namespace counts in a later epoch than 0
    write_batch(world, bucket, "btch_1", "DRAFT")
    world.pump()
    write_object(world, bucket, "obj_1", 10)
    world.pump()
    assert api.get("/v1/namespaces/films").json["object_count"] == 1
    assert stats(world, "verify") == []


def test_both_streams_may_use_the_same_shard_name(world: World, api: Api, bucket: str, shown: Shown) -> None:
    write_object(world, bucket, "obj_1", 10)
    write_batch(world, bucket, "btch_1", "DRAFT")
    sources = world.pump.objects, world.pump.catalog
    for source, last in zip(sources, [source.new()[-1] for source in sources], strict=True):
        record = {**last, "dynamodb": {**last["dynamodb"], "SequenceNumber": "7"}}
        for _ in range(2):
            assert source.deliver([record], shard="local")["batchItemFailures"] == []
    assert (shown(bucket)["object_count"], batch_stats(api, bucket)) == (1, counts(1, active=1))


def test_other_rows_about_batches_are_not_counted(world: World, bucket: str) -> None:
    batches = keys.batches(partition_of(world), bucket)
    rows = [
        keys.batch_activity(batches),
        keys.batch_tally(batches, "btch_1"),
        keys.active_batch(batches, "btch_1"),
        keys.chunk_ids(batches, "btch_1", 0),
        keys.item_failure(batches, "btch_1", 0, 7),
        keys.batch_pointer(world.organization_id, "btch_1"),
    ]
    world.pump()
    for row in rows:
        catalog(world).write(Put({**row, "status": "DRAFT", "stats_epoch": 0}))
    records = world.pump.catalog.new()
    with traffic(world) as seen:
        assert world.pump.catalog.deliver(records)["batchItemFailures"] == []
    assert (len(records), seen.calls) == (len(rows), [])
    assert stats(world, "verify") == []


@pytest.mark.parametrize(
    "invalid", [{"status": "UNKNOWN"}, {"status": None}, {"stats_epoch": -1}, {"stats_epoch": "0"}], ids=str
)
def test_a_batch_that_cannot_be_read_makes_a_recount_due(
    world: World, api: Api, bucket: str, invalid: dict[str, Any]
) -> None:
    write_batch(world, bucket, "btch_1", "COMPLETED")
    write_batch(world, bucket, "btch_2", **{"status": "COMPLETED", **invalid})
    world.pump()
    assert batch_stats(api, bucket) == counts(1, completed=1)
    assert [(row["bucket"], row["field"]) for row in stats(world, "verify")] == [(bucket, "recount_due")]
    stats(world, "recount")
    assert stats(world, "verify") == []


def test_verify_and_recount_cover_batches(world: World, api: Api, bucket: str) -> None:
    for number in range(3):
        write_batch(world, bucket, f"btch_{number}", "IN_PROGRESS")
    world.pump()
    write_batch(world, bucket, "btch_0", "FAILED")
    remove_batch(world, bucket, "btch_1")
    world.pump.catalog.new()  # these records are lost
    assert {(row["bucket"], row["field"], row["shown"], row["counted"]) for row in stats(world, "verify")} == {
        (bucket, "batch_stats.total", 3, 2),
        (bucket, "batch_stats.active", 3, 1),
        (bucket, "batch_stats.failed", 0, 1),
    }
    drift = next(row for row in stats(world, "recount") if row["bucket"] == bucket)
    assert (drift["batches"], drift["active_batches"], drift["failed_batches"]) == (1, 2, -1)
    assert stats(world, "verify") == []
    assert batch_stats(api, bucket) == counts(2, active=1, failed=1)


def test_a_recount_changes_only_the_statistics_epoch_of_a_batch(world: World, bucket: str) -> None:
    write_batch(world, bucket, "btch_1", "DRAFT", epoch=7, revision=5)
    before = catalog(world).get(batch_key(world, bucket, "btch_1"))
    stats(world, "recount")
    assert catalog(world).get(batch_key(world, bucket, "btch_1")) == {**(before or {}), "stats_epoch": 1}


def test_a_batch_written_with_a_closed_epoch_is_moved_and_counted(world: World, api: Api, bucket: str) -> None:
    write_batch(world, bucket, "btch_1", "DRAFT")
    stats(world, "recount")
    write_batch(world, bucket, "btch_2", "DRAFT")  # by a writer that still uses the closed epoch
    world.pump()
    assert batch_stats(api, bucket) == counts(2, active=2)
    assert stats(world, "verify") == []


def test_a_batch_that_appears_after_its_bucket_was_deleted_is_removed(world: World) -> None:
    write_batch(world, "bkt_0000000000000000", "btch_1", "DRAFT")
    world.pump()
    assert catalog(world).get(batch_key(world, "bkt_0000000000000000", "btch_1")) is None


def test_a_tally_of_an_earlier_version_is_read_and_keeps_its_counts(world: World, api: Api, bucket: str) -> None:
    write_object(world, bucket, "obj_1", 10)
    write_batch(world, bucket, "btch_1", "DRAFT")
    world.pump()
    key = keys.bucket_tally(partition_of(world), bucket)
    row = catalog(world).get(key)
    assert row is not None
    # Earlier versions read exactly three numbers for each epoch, and change only attributes that they know.
    assert row["totals"] == {"0": [1, 10, 0]}
    earlier = UpdateExpression(set={"batches": None, "batch_totals": None})
    catalog(world).write(Update(key, earlier, exists("pk")))
    write_batch(world, bucket, "btch_2", "DRAFT")
    write_object(world, bucket, "obj_2", 10)
    world.pump()
    assert batch_stats(api, bucket) == counts(1, active=1)
    assert api.get(f"/v1/buckets/{bucket}").json["object_count"] == 2
