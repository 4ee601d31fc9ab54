"""The simulation of conflicting creates runs one thread at a time, and conflicts as DynamoDB does."""

from __future__ import annotations

import pytest

from bench.contention import CONFLICT_SECONDS, Simulation, VirtualTime

SECONDS = 0.02


def run(starts: list[float], seconds: float = SECONDS) -> Simulation:
    """Returns the simulation after creates that start at these times, with transactions of this length."""
    simulation = Simulation(seconds)
    simulation.time.run(starts, simulation.create)
    return simulation


def test_threads_wake_in_the_order_of_their_times() -> None:
    time = VirtualTime()
    seen: list[float] = []

    def job() -> None:
        seen.append(time.clock())
        time.sleep(10.0)
        seen.append(time.clock())

    time.run([3.0, 1.0, 2.0], job)
    assert seen == [1.0, 2.0, 3.0, 11.0, 12.0, 13.0]


def test_creates_one_after_another_do_not_conflict() -> None:
    simulation = run([0.0, 1.0, 2.0])
    assert (simulation.attempts, simulation.refused) == (3, 0)
    assert simulation.latencies == pytest.approx([SECONDS] * 3)


def test_of_two_creates_at_once_one_waits_for_the_other() -> None:
    simulation = run([0.0, 0.0])
    assert simulation.attempts >= 3
    first, second = simulation.latencies
    assert (first, simulation.refused) == (SECONDS, 0)
    assert second > CONFLICT_SECONDS + SECONDS


def test_more_creates_than_the_row_can_take_are_refused_within_the_time_limit() -> None:
    simulation = run([0.0] * 60, 0.3)
    assert simulation.refused > 0
    assert len(simulation.latencies) == 60 - simulation.refused
    assert 0 < max(simulation.latencies) < 10


def test_a_simulation_has_the_same_result_in_every_run() -> None:
    assert run([0.0] * 20).cells() == run([0.0] * 20).cells()
