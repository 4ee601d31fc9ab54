"""The largest and the smallest object, while the index that knows their order is behind."""

from __future__ import annotations

import pytest

from tests.support.histories import BUCKETS, NS, StatsWorld

BUCKET = BUCKETS[0]


@pytest.fixture
def world() -> StatsWorld:
    """A bucket of objects of 50, 40 and 30 bytes, all folded; from now on the index stands still."""
    world = StatsWorld(shards=1)
    for size in (50, 40, 30):
        world.write(BUCKET, f"obj_{size}", size)
    world.settle()
    world.objects.lagging = True
    return world


def fold(world: StatsWorld) -> None:
    """The objects' stream is delivered, and that of the catalog is not."""
    next_one(world, 0)


def look(world: StatsWorld) -> None:
    """The catalog's stream is delivered once."""
    next_one(world, 1)


def next_one(world: StatsWorld, number: int) -> None:
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
    world.objects.settle_indexes()
    look(world)
    assert largest(world) == 45


def test_lookups_continue_while_they_find_a_deleted_extreme(world: StatsWorld) -> None:
    world.remove(BUCKET, "obj_50")
    fold(world)
    look(world)
    world.write(BUCKET, "obj_35", 35)
    fold(world)
    world.remove(BUCKET, "obj_40")
    look(world)  # the last that was due; it finds 40 gone, and does not know of 35
    assert largest(world) == 30
    world.settle()
    assert largest(world) == 35


def test_lookups_end(world: StatsWorld) -> None:
    world.remove(BUCKET, "obj_50")
    world.settle()
    before = world.catalog.writes
    world.stats.refresh_extremes(NS, BUCKET)
    assert world.catalog.writes == before


def test_an_extreme_that_is_only_in_the_changes_survives_a_lookup(world: StatsWorld) -> None:
    world.remove(BUCKET, "obj_50")
    fold(world)
    world.write(BUCKET, "obj_60", 60)
    fold(world)
    look(world)
    assert largest(world) == 60
