from __future__ import annotations

import pytest

from tests.deletion.conftest import Work, new_work
from tests.support.slow_time import SlowTime
from tests.support.world import World


@pytest.fixture(autouse=True)
def no_waits(time: SlowTime) -> None:
    """Waits between attempts take no time in the tests of this package."""


@pytest.fixture
def work(world: World) -> Work:
    """Runs tasks by hand with the workers of the service."""
    return new_work(world)
