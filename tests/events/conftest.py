from __future__ import annotations

from dataclasses import replace

import pytest

from chalicelib import wiring
from tests.events.buses import BUS, MemoryBus
from tests.support.batches import BatchWorld, new_batch_world
from tests.support.world import World


@pytest.fixture
def bus(monkeypatch: pytest.MonkeyPatch) -> MemoryBus:
    """The bus of all services that are built during the test."""
    bus = MemoryBus()
    monkeypatch.setattr(wiring, "connect_events", lambda settings: lambda: bus)
    return bus


@pytest.fixture
def run(world: World, bus: MemoryBus) -> BatchWorld:
    """An application that sends events, and whose batches are run by the test."""
    made = new_batch_world(replace(world, settings=replace(world.settings, event_bus_name=BUS)))
    made.pump()
    assert bus.new() == []  # the namespace is no event
    return made
