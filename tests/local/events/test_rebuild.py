"""Counting in one go says what counting page by page says."""

from __future__ import annotations

import pytest

from chalicelib.local.events.rebuild import objects_by_bucket, settle_all
from chalicelib.local.moto.backends import Backends
from tests.support.api import Api
from tests.support.catalog import objects_table
from tests.support.objects import POSTER, create_object_bucket, created, objects
from tests.support.world import World


@pytest.fixture
def held(backends: Backends | None) -> Backends:
    """moto's memory, where tests run on it."""
    if backends is None:
        pytest.skip("tests run on another engine")
    return backends


def a_full_bucket(world: World, api: Api) -> str:
    """A bucket with objects with and without bytes, one of them hidden, and one that cannot be read."""
    bucket_id = create_object_bucket(api)
    kept = [created(api, bucket_id, body) for body in ({"title": "M"}, {"title": "N", "blobs": [POSTER]}, {}, {})]
    hide = {"object_ids": [kept[2]["object_id"]], "reason": "a double"}
    assert api.post(f"{objects(bucket_id)}/bulk-soft-delete", hide).status == 200
    row = objects_table(world).get({"bucket_id": bucket_id, "object_id": kept[3]["object_id"]})
    assert row is not None
    damaged = {"bucket_id": {"S": bucket_id}, "object_id": {"S": str(row["object_id"])}, "ns": {"S": "x"}}
    world.client.put_item(TableName=world.tables.objects, Item=damaged)
    return bucket_id


def test_what_moto_holds_is_what_reading_the_table_gives(world: World, api: Api, held: Backends) -> None:
    bucket_id = a_full_bucket(world, api)
    (ns,) = world.services.partitions()
    whole = world.services.stats.tallies.of(ns, bucket_id)
    assert sorted(objects_by_bucket(held, world.tables.objects)[bucket_id]) == sorted(whole.contributions())


def test_after_settling_nothing_differs_from_a_count(world: World, api: Api, held: Backends) -> None:
    full, empty = a_full_bucket(world, api), create_object_bucket(api, "empty")
    settle_all(world.services.stats, world.services.partitions(), objects_by_bucket(held, world.tables.objects))
    (ns,) = world.services.partitions()
    assert [world.services.stats.verify(ns, bucket_id) for bucket_id in (full, empty, None)] == [[], [], []]
    assert api.get(f"/v1/buckets/{full}").json["object_count"] == 2
    assert api.get(f"/v1/buckets/{empty}").json["object_count"] == 0
