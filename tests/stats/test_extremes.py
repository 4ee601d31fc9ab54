"""The largest and the smallest object while the index by size is out of date."""

from __future__ import annotations

import pytest

from tests.support.histories import BUCKETS, NS, StatsWorld

BUCKET = BUCKETS[0]


@pytest.fixture
def world() -> StatsWorld:
    """A bucket with objects of 50, 40 and 30 bytes, all folded. Later writes do not update the index."""
    world = StatsWorld(shards=1)
    for size in (50, 40, 30):
        world.write(BUCKET, f"obj_{size}", size)
    world.deliver_all()
    world.objects.lagging = True
    return world


def fold(world: StatsWorld) -> None:
    """Delivers the stream of the objects table, but not that of the catalog table."""
    deliver_stream(world, 0)


def look_up(world: StatsWorld) -> None:
    """Delivers the stream of the catalog table once, which causes a lookup."""
    deliver_stream(world, 1)


def deliver_stream(world: StatsWorld, number: int) -> None:
    stream = world.streams[number]
    stream.take()
    stream.deliver(0, stream.shards[0].delivered, len(stream.shards[0].records))


def largest(world: StatsWorld) -> int:
    return int(world.shown(BUCKET)["max_size_bytes"])


def test_a_deleted_object_that_the_index_still_lists_is_ignored(world: StatsWorld) -> None:
    world.remove(BUCKET, "obj_50")
    world.write(BUCKET, "obj_40", 35)
    fold(world)
    assert largest(world) == 35


def test_an_extreme_among_the_changes_needs_no_index(world: StatsWorld) -> None:
    world.write(BUCKET, "obj_45", 45)
    world.remove(BUCKET, "obj_50")
    fold(world)
    assert largest(world) == 45


def test_an_object_missing_from_the_index_is_found_by_a_later_lookup(world: StatsWorld) -> None:
    world.write(BUCKET, "obj_45", 45)
    fold(world)
    world.remove(BUCKET, "obj_50")
    fold(world)
    assert largest(world) == 40
    world.objects.update_indexes()
    look_up(world)
    assert largest(world) == 45


def test_lookups_continue_while_they_find_a_deleted_extreme(world: StatsWorld) -> None:
    world.remove(BUCKET, "obj_50")
    fold(world)
    look_up(world)
    world.write(BUCKET, "obj_35", 35)
    fold(world)
    world.remove(BUCKET, "obj_40")
    look_up(world)  # the last lookup that was due: it finds 40 deleted and does not find 35
    assert largest(world) == 30
    world.deliver_all()
    assert largest(world) == 35


def test_lookups_end(world: StatsWorld) -> None:
    world.remove(BUCKET, "obj_50")
    world.deliver_all()
    before = world.catalog.writes
    world.stats.refresh_extremes(NS, BUCKET)
    assert world.catalog.writes == before


def test_an_extreme_that_is_only_in_the_changes_survives_a_lookup(world: StatsWorld) -> None:
    world.remove(BUCKET, "obj_50")
    fold(world)
    world.write(BUCKET, "obj_60", 60)
    fold(world)
    look_up(world)
    assert largest(world) == 60
