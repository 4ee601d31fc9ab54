"""The statistics that clients see, computed by the real handlers from the engine's streams."""

from __future__ import annotations

from chalicelib.aws.dynamodb.expressions import UpdateExpression, exists
from chalicelib.aws.dynamodb.writes import Update
from tests.stats.conftest import Shown, new_bucket
from tests.support.api import Api
from tests.support.object_rows import objects_table, remove_object, write_object
from tests.support.world import World

NOON = "2026-01-01T12:00:00.000Z"
LATER = "2026-01-01T13:00:00.000Z"


def test_a_bucket_shows_the_totals_of_its_objects(world: World, bucket: str, shown: Shown) -> None:
    for number, size in enumerate((10, 30, 5)):
        write_object(world, bucket, f"obj_{number}", size, created_at=LATER if number == 1 else NOON)
    world.pump()
    totals = shown(bucket)
    assert totals.pop("stats_updated_at") > "2026"
    assert totals == {
        "object_count": 3,
        "total_size_bytes": 45,
        "failed_object_count": 0,
        "last_upload_at": LATER,
        "max": 30,
        "min": 5,
        "avg": 15,
    }


def test_the_namespace_and_the_list_show_the_sum_of_their_buckets(world: World, api: Api, bucket: str) -> None:
    other = new_bucket(api, "stills")
    write_object(world, bucket, "obj_1", 10)
    write_object(world, other, "obj_1", 20)
    write_object(world, other, "obj_2", 0)
    world.pump()
    assert api.get("/v1/namespaces/films").json["object_count"] == 3
    stats = api.post("/v1/buckets/list", {}).json["stats"]
    assert (stats["total_objects"], stats["total_size_bytes"]) == (3, 30)
    remove_object(world, other, "obj_1")
    world.pump()
    assert api.get("/v1/namespaces/films").json["object_count"] == 2


def test_failed_objects_are_counted_in_both_counts(world: World, bucket: str, shown: Shown) -> None:
    write_object(world, bucket, "obj_1", 10, status="FAILED")
    write_object(world, bucket, "obj_2", 10)
    world.pump()
    assert (shown(bucket)["object_count"], shown(bucket)["failed_object_count"]) == (2, 1)
    write_object(world, bucket, "obj_1", 10, status="COMPLETED")
    world.pump()
    assert (shown(bucket)["object_count"], shown(bucket)["failed_object_count"]) == (2, 0)


def test_a_soft_deleted_object_is_not_counted(world: World, bucket: str, shown: Shown) -> None:
    write_object(world, bucket, "obj_1", 10)
    write_object(world, bucket, "obj_2", 99)
    world.pump()
    soft_deletion = {"state": "disabled", "at": NOON}
    write_object(world, bucket, "obj_2", 99, soft_deleted=soft_deletion, size_key=None, created_key=None)
    world.pump()
    totals = shown(bucket)
    assert (totals["object_count"], totals["total_size_bytes"], totals["max"]) == (1, 10, 10)
    remove_object(world, bucket, "obj_2")
    world.pump()
    assert shown(bucket)["object_count"] == 1


def test_deleting_the_largest_or_smallest_object_shows_the_next_one(world: World, bucket: str, shown: Shown) -> None:
    for size in (1, 2, 3, 4, 5):
        write_object(world, bucket, f"obj_{size}", size)
    world.pump()
    for removed, expected in (
        ("obj_5", (4, 1)),
        ("obj_1", (4, 2)),
        ("obj_2", (4, 3)),
        ("obj_3", (4, 4)),
        ("obj_4", (0, 0)),
    ):
        remove_object(world, bucket, removed)
        world.pump()
        assert (shown(bucket)["max"], shown(bucket)["min"]) == expected


def test_the_last_upload_is_kept_after_its_object_is_deleted(world: World, bucket: str, shown: Shown) -> None:
    write_object(world, bucket, "obj_1", created_at=NOON)
    write_object(world, bucket, "obj_2", created_at=LATER)
    world.pump()
    remove_object(world, bucket, "obj_2")
    world.pump()
    assert shown(bucket)["last_upload_at"] == LATER


def test_unchanged_statistics_keep_their_timestamp_and_etag(world: World, api: Api, bucket: str) -> None:
    write_object(world, bucket, "obj_1", 10)
    world.pump()
    before = api.get(f"/v1/buckets/{bucket}")
    objects_table(world).write(
        Update(
            {"bucket_id": bucket, "object_id": "obj_1"},
            UpdateExpression(set={"updated_at": LATER}),
            exists("object_id"),
        )
    )
    world.pump()
    after = api.get(f"/v1/buckets/{bucket}")
    assert (after.json, after.headers["ETag"]) == (before.json, before.headers["ETag"])


def test_if_match_ignores_changes_of_statistics(world: World, api: Api, bucket: str) -> None:
    etag = api.get(f"/v1/buckets/{bucket}").headers["ETag"]
    write_object(world, bucket, "obj_1", 10)
    world.pump()
    changed = api.patch(f"/v1/buckets/{bucket}", {"description": "New"}, headers={"If-Match": etag})
    assert changed.status == 200, changed.text


def test_records_of_a_deleted_bucket_create_no_tally(world: World, api: Api, bucket: str) -> None:
    deleted = "bkt_0000000000000000"
    write_object(world, deleted, "obj_1", 10)
    write_object(world, bucket, "obj_1", 10)
    world.pump()
    assert api.get("/v1/namespaces/films").json["object_count"] == 1
