"""Fixtures for the tests of uploads."""

from __future__ import annotations

import pytest

from tests.support.batches import new_batch_world
from tests.support.slow_time import SlowTime
from tests.support.world import World
from tests.uploads.scenes import Scene


@pytest.fixture
def scene(world: World) -> Scene:
    """A client that uploads files to the bucket `films`."""
    made = Scene(new_batch_world(world))
    made.new_bucket()
    return made


@pytest.fixture
def slow_scene(time: SlowTime, world: World) -> Scene:
    """The same, with a service that sleeps in no real time."""
    made = Scene(new_batch_world(world))
    made.new_bucket()
    return made


@pytest.fixture
def empty_scene(world: World) -> Scene:
    """A client that uploads files, without the bucket."""
    return Scene(new_batch_world(world))
