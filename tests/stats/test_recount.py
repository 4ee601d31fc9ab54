"""The commands `stats verify` and `stats recount`, on the engine's tables and streams."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result

from chalicelib import keys
from chalicelib.admin.__main__ import admin
from chalicelib.aws.dynamodb.expressions import equals
from chalicelib.aws.dynamodb.writes import Put
from chalicelib.stats import recount, verify
from tests.stats.conftest import Shown, new_bucket
from tests.support.api import Api
from tests.support.catalog import catalog, partition_of
from tests.support.object_rows import objects_table, remove_object, write_object
from tests.support.world import World


class FakePause:
    """Replaces the pauses of statistics: records their total and delivers the streams during each."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.seconds = 0.0
        self.delivers = True

    def __call__(self, seconds: float) -> None:
        self.seconds += seconds
        if self.delivers:
            self.world.pump()


@pytest.fixture(autouse=True)
def pause(world: World, monkeypatch: pytest.MonkeyPatch) -> FakePause:
    fake = FakePause(world)
    object.__setattr__(world.services.stats.tallies, "pause", fake)
    return fake


@pytest.fixture
def damaged_bucket(world: World, bucket: str) -> str:
    """A bucket whose stream lost two records: of the creation of an object of 100 bytes, and of a removal."""
    for size in (10, 20, 30):
        write_object(world, bucket, f"obj_{size}", size)
    world.pump()
    write_object(world, bucket, "obj_100", 100, status="FAILED")
    remove_object(world, bucket, "obj_10")
    world.pump.objects.new()
    return bucket


def run(world: World, *arguments: str) -> Result:
    organization = ["--organization", world.organization_id] if "--all" not in arguments else []
    return CliRunner().invoke(admin, ["stats", arguments[0], *organization, *arguments[1:]], obj=lambda: world.services)


def rows(result: Result) -> list[dict[str, Any]]:
    return list(json.loads(result.stdout))


def test_verify_reports_nothing_if_statistics_are_correct(world: World, bucket: str) -> None:
    write_object(world, bucket, "obj_1", 10)
    world.pump()
    result = run(world, "verify", "--all")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "1/2 bkt_" in result.stderr
    assert "Verified 2" in result.stderr


def test_records_that_are_not_delivered_yet_are_no_difference(world: World, bucket: str) -> None:
    write_object(world, bucket, "obj_1", 10)
    assert run(world, "verify", "--namespace", "films", "posters").exit_code == 0


def test_verify_prints_the_bucket_and_each_difference_and_exits_with_1(
    world: World, api: Api, damaged_bucket: str
) -> None:
    new_bucket(api, "stills")
    result = run(world, "verify", "--all", "--json")
    assert result.exit_code == 1
    assert {row["bucket"] for row in rows(result)} == {damaged_bucket}
    assert {(row["field"], row["shown"], row["counted"]) for row in rows(result)} == {
        ("total_size_bytes", 60, 150),
        ("failed_object_count", 0, 1),
        ("max_size_bytes", 30, 100),
        ("min_size_bytes", 10, 20),
    }
    text = run(world, "verify", "--namespace", "films", "posters")
    assert text.exit_code == 1
    assert damaged_bucket in text.stdout
    assert "max_size_bytes" in text.stdout


def test_recount_corrects_the_statistics_and_prints_the_drift(world: World, damaged_bucket: str, shown: Shown) -> None:
    result = run(world, "recount", "--namespace", "films", damaged_bucket, "--json")
    assert result.exit_code == 0, result.output
    (row,) = rows(result)
    # The tally still included the removed object and did not include the new one.
    assert (row["objects"], row["bytes"], row["failed"]) == (0, -90, -1)
    world.pump()
    assert run(world, "verify", "--all").exit_code == 0
    totals = shown(damaged_bucket)
    assert (totals["object_count"], totals["total_size_bytes"], totals["max"], totals["min"]) == (3, 150, 100, 20)


def test_a_second_recount_finds_no_drift(world: World, damaged_bucket: str) -> None:
    run(world, "recount", "--all")
    (row, namespace) = rows(run(world, "recount", "--all", "--json"))
    assert (row["objects"], row["bytes"], row["failed"]) == (0, 0, 0)
    assert (namespace["objects"], namespace["bucket"]) == (0, None)


def test_a_recount_of_a_bucket_corrects_its_namespace_too(world: World, api: Api, damaged_bucket: str) -> None:
    remove_object(world, damaged_bucket, "obj_20")
    world.pump.objects.new()
    run(world, "recount", "--namespace", "films", damaged_bucket)
    world.pump()
    assert api.get("/v1/namespaces/films").json["object_count"] == 2


def test_drift_of_a_namespace_is_reported_and_corrected(world: World, api: Api, bucket: str) -> None:
    write_object(world, bucket, "obj_1", 10)
    world.pump.objects.drain()
    world.pump.catalog.new()
    result = run(world, "verify", "--all", "--json")
    assert {(row["bucket"], row["field"]) for row in rows(result)} == {
        (None, "object_count"),
        (None, "total_size_bytes"),
        (None, "last_upload_at"),
    }
    run(world, "recount", "--all")
    world.pump()
    assert run(world, "verify", "--all").exit_code == 0
    assert api.get("/v1/namespaces/films").json["object_count"] == 1


def test_objects_written_with_a_closed_epoch_are_moved_and_counted(world: World, bucket: str, shown: Shown) -> None:
    write_object(world, bucket, "obj_1", 10)
    run(world, "recount", "--namespace", "films", bucket)
    write_object(world, bucket, "obj_2", 20)  # by a writer that still uses the closed epoch
    world.pump()
    assert shown(bucket)["object_count"] == 2
    stored = {row["object_id"]: row["epoch"] for row in objects_table(world).query(equals("bucket_id", bucket))}
    assert stored == {"obj_1": 1, "obj_2": 1}


def test_a_recount_changes_only_the_epoch_of_an_object(world: World, bucket: str) -> None:
    write_object(world, bucket, "obj_1", 10)
    key = {"bucket_id": bucket, "object_id": "obj_1"}
    before = objects_table(world).get(key)
    run(world, "recount", "--namespace", "films", bucket)
    assert objects_table(world).get(key) == {**(before or {}), "epoch": 1}


def test_a_recount_stops_waiting_for_a_stream_that_delivers_nothing(
    world: World, damaged_bucket: str, pause: FakePause
) -> None:
    pause.delivers = False
    run(world, "recount", "--namespace", "films", damaged_bucket)
    assert 0 < pause.seconds < recount.MAX_STABILITY_CHECKS
    world.pump()
    assert run(world, "verify", "--all").exit_code == 0, "epochs that are closed too early still give exact statistics"


def test_a_recount_of_a_lost_tally_continues_from_the_epochs_of_the_objects(world: World, damaged_bucket: str) -> None:
    run(world, "recount", "--namespace", "films", damaged_bucket)
    run(world, "recount", "--namespace", "films", damaged_bucket)
    world.pump()
    catalog(world).write(
        Put({**keys.bucket_tally(partition_of(world), damaged_bucket), "revision": 1, "object_count": 0})
    )
    world.pump()
    run(world, "recount", "--all")
    world.pump()
    assert run(world, "verify", "--all").exit_code == 0


def test_an_unreadable_row_is_not_counted(world: World, bucket: str) -> None:
    write_object(world, bucket, "obj_1", 10)
    objects_table(world).write(Put({"bucket_id": bucket, "object_id": "obj_2"}))
    world.pump()
    run(world, "recount", "--all")
    world.pump()
    assert run(world, "verify", "--all").exit_code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["verify", "--all", "posters"],
        ["verify", "posters"],
        ["recount", "--all", "--namespace", "films"],
    ],
)
def test_arguments_that_exclude_each_other_are_rejected(world: World, arguments: list[str]) -> None:
    assert run(world, *arguments).exit_code == 2


def test_an_unknown_bucket_is_reported_on_one_line(world: World) -> None:
    result = run(world, "verify", "--namespace", "films", "unknown")
    assert result.exit_code == 1
    assert result.stderr == "Error: Bucket not found: unknown\n"
    assert CliRunner().invoke(admin, ["stats", "verify"], obj=lambda: world.services).exit_code == 2


def test_a_difference_is_compared_again_before_it_is_reported(
    world: World, damaged_bucket: str, pause: FakePause
) -> None:
    run(world, "verify", "--namespace", "films", damaged_bucket)
    assert pause.seconds == (verify.MAX_COMPARISONS - 1) * verify.SECONDS_BETWEEN_COMPARISONS
