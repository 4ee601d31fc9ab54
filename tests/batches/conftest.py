from __future__ import annotations

import pytest

from tests.support.batches import BatchWorld, new_batch_world
from tests.support.world import World


@pytest.fixture
def run(world: World) -> BatchWorld:
    """An application whose batches are run by the test, with a hook that changes nothing."""
    return new_batch_world(world)
