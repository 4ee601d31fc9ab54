"""Two workers get the message about a window: one of them stops at any call until the other has done everything."""

from __future__ import annotations

from typing import Any

import pytest

from tests.deliveries.unreliable import OneDelivery, Unreliable, faults_of, meanwhile, new_unreliable
from tests.faults.consistency import check_consistency
from tests.support.nightly import NIGHTLY
from tests.support.slow_time import SlowTime
from tests.support.task_queue import Message
from tests.support.world import World

MODES: dict[str, dict[str, Any]] = {
    "time_window": {"mode": "time_window", "window_seconds": 5},
    "immediate": {"mode": "immediate"},
}

# `make test` stops the worker at every third or fourth call.
STEP = {"time_window": 3, "immediate": 4}


@pytest.fixture
def run(time: SlowTime, world: World) -> Unreliable:
    return new_unreliable(world)


def waiting_window(run: Unreliable, number: int, mode: str) -> tuple[OneDelivery, Message]:
    """A delivery, and the message about its window, which is due."""
    delivery = OneDelivery(run, number, MODES[mode])
    delivery.send()
    run.streams()
    (message,) = run.queues.batches.waiting
    run.world.clock.advance(6)
    return delivery, message


@pytest.mark.parametrize("mode", MODES)
def test_a_worker_that_is_late_changes_nothing(run: Unreliable, mode: str) -> None:
    delivery, message = waiting_window(run, 0, mode)
    with faults_of(run) as faults:
        assert run.deliver(message)
        calls = faults.calls
    delivery.finish()
    delivery.check()
    for call in range(1, calls + 1, 1 if NIGHTLY else STEP[mode]):
        delivery, message = waiting_window(run, call, mode)
        with faults_of(run) as faults:
            faults.on(call, meanwhile(delivery.finish))
            run.deliver(message)
        delivery.finish()
        delivery.check()
        batch = delivery.api.post(f"/v1/buckets/{delivery.bucket}/batches/list", {}).json["results"][0]
        path = f"/v1/buckets/{delivery.bucket}/batches/{batch['batch_id']}"
        assert delivery.api.get(f"{path}/audit").json["all_balanced"]
        found = delivery.api.get(path).json
        assert (found["status"], found["progress"]["processed"]) == ("COMPLETED", 1)
    check_consistency(run.world)
