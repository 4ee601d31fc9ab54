from __future__ import annotations

import pytest

from tests.deletion.conftest import Work, new_work
from tests.support.slow_time import SlowTime
from tests.support.world import World


@pytest.fixture(autouse=True)
def quick(time: SlowTime) -> None:
    """Waits before another attempt take no time, in any test here."""


@pytest.fixture
def work(world: World) -> Work:
    """Tasks, done by hand with the workers of the service."""
    return new_work(world)
