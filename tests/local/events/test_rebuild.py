"""The statistics that are rebuilt from moto's memory are the same as those counted page by page."""

from __future__ import annotations

import pytest

from chalicelib.local.events.rebuild import Contributions, members_by_bucket, rebuild_all
from chalicelib.local.moto.backends import Backends
from tests.support.api import Api
from tests.support.batch_rows import write_batch
from tests.support.object_rows import objects_table
from tests.support.objects import POSTER, create_object_bucket, created, objects
from tests.support.world import World


@pytest.fixture
def memory(backends: Backends | None) -> Backends:
    """Returns moto's backends. Skips the test if it runs on another engine."""
    if backends is None:
        pytest.skip("tests run on another engine")
    return backends


def create_varied_bucket(world: World, api: Api) -> str:
    """Creates objects, one of them soft-deleted, and a batch. The rows of another object and batch are damaged."""
    bucket_id = create_object_bucket(api)
    rows = [created(api, bucket_id, body) for body in ({"title": "M"}, {"title": "N", "blobs": [POSTER]}, {}, {})]
    deletion = {"object_ids": [rows[2]["object_id"]], "reason": "a double"}
    assert api.post(f"{objects(bucket_id)}/bulk-soft-delete", deletion).status == 200
    row = objects_table(world).get({"bucket_id": bucket_id, "object_id": rows[3]["object_id"]})
    assert row is not None
    damaged = {"bucket_id": {"S": bucket_id}, "object_id": {"S": str(row["object_id"])}, "ns": {"S": "x"}}
    world.client.put_item(TableName=world.tables.objects, Item=damaged)
    write_batch(world, bucket_id, "btch_1", "COMPLETED")
    write_batch(world, bucket_id, "btch_2", "COMPLETED", stats_epoch=None)
    return bucket_id


def loaded(world: World, memory: Backends) -> dict[str, Contributions]:
    return members_by_bucket(memory, world.tables.catalog, world.tables.objects)


def rebuilt(world: World, memory: Backends) -> None:
    """Rebuilds all statistics."""
    members, catalog = loaded(world, memory), world.tables.catalog
    rebuild_all(world.services.stats, world.services.partitions(), members, memory, catalog)


def test_the_contributions_in_memory_are_those_of_reading_the_table(world: World, api: Api, memory: Backends) -> None:
    bucket_id = create_varied_bucket(world, api)
    (ns,) = world.services.partitions()
    aggregate = world.services.stats.tallies.of(ns, bucket_id)
    assert sorted(loaded(world, memory)[bucket_id]) == sorted(aggregate.contributions())


def test_rebuilt_statistics_pass_verification(world: World, api: Api, memory: Backends) -> None:
    full, empty = create_varied_bucket(world, api), create_object_bucket(api, "empty")
    rebuilt(world, memory)
    (ns,) = world.services.partitions()
    assert [world.services.stats.verify(ns, bucket_id) for bucket_id in (full, empty, None)] == [[], [], []]
    shown = [api.get(f"/v1/buckets/{bucket_id}").json for bucket_id in (full, empty)]
    assert [bucket["object_count"] for bucket in shown] == [2, 0]
    assert [bucket["batch_stats"]["total"] for bucket in shown] == [1, 0]


def test_only_a_wrong_tally_is_written(world: World, api: Api, memory: Backends) -> None:
    wrong, right, empty = (create_object_bucket(api, name) for name in ("wrong", "right", "empty"))
    for bucket_id in (wrong, right):
        created(api, bucket_id, {"title": "M"})
    rebuilt(world, memory)
    (ns,), tallies = world.services.partitions(), world.services.stats.tallies
    before = {each: tallies.find(tallies.of(ns, each)) for each in (wrong, right, empty, None)}
    created(api, wrong, {"title": "N"})
    rebuilt(world, memory)
    after = {each: tallies.find(tallies.of(ns, each)) for each in (wrong, right, empty, None)}
    assert [each for each in before if before[each] != after[each]] == [wrong, None]
    assert [after[each].shown.objects for each in (wrong, right, empty, None)] == [2, 1, 0, 3]
