"""A scene in which no time passes while the service sleeps."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.mirroring.scenes import Host, Scene, hosting, new_scene
from tests.support.slow_time import SlowTime
from tests.support.world import World


@pytest.fixture
def host() -> Iterator[Host]:
    """A host that every name leads to. It has an image."""
    with hosting() as made:
        yield made


@pytest.fixture
def scene(time: SlowTime, world: World, host: Host) -> Scene:
    """The bucket `reels`, and a client whose objects refer to files of the host."""
    return new_scene(world, host)
