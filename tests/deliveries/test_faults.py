"""Any call to AWS fails, or is the last one of its process, while a delivery becomes an object and then a batch.

The sender repeats the webhook until it is accepted. In some tests another client deletes the object at any moment.
The faults begin before the batch has been submitted. `make test` injects one kind of fault into every third call, and
`make nightly` all kinds into all calls.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle, product
from typing import Any

import pytest

from tests.deliveries.unreliable import (
    OneDelivery,
    Unreliable,
    faults_of,
    killed_afterwards,
    killed_before,
    meanwhile,
    new_unreliable,
    then_killed,
)
from tests.faults.consistency import check_consistency
from tests.faults.fault_kinds import FAULTS
from tests.support.faults import Fault, applied_then
from tests.support.nightly import NIGHTLY, step
from tests.support.slow_time import SlowTime
from tests.support.world import World

KINDS: dict[str, Fault] = {
    "killed before": killed_before,
    "killed afterwards": killed_afterwards,
    **FAULTS,
}
MODES: dict[str, dict[str, Any]] = {
    "time_window": {"mode": "time_window", "window_seconds": 5},
    "immediate": {"mode": "immediate"},
}


@pytest.fixture
def run(time: SlowTime, world: World) -> Unreliable:
    return new_unreliable(world)


def calls_of(run: Unreliable, mode: str) -> int:
    """The number of calls until the batch of a delivery has been submitted, without faults."""
    delivery = OneDelivery(run, 0, MODES[mode])
    with faults_of(run) as faults:
        delivery.send()
        while not run.queues.tasks.waiting:
            assert run.step(), "no batch is submitted"
        calls = faults.calls
    delivery.finish()
    delivery.check()
    assert calls > 20
    return calls


def plans(calls: int, start: int) -> Iterator[tuple[int, str, int]]:
    """Yields the number of each call, the kind of its fault, and how many calls fail from there on.

    With so many that fail one after another, the functions and the requests fail.
    """
    if NIGHTLY:
        for call, kind, failing in product(range(1, calls + 1), KINDS, (1, 40)):
            if failing == 1 or not kind.startswith("killed"):
                yield call, kind, failing
        return
    for call, kind, failing in zip(range(1 + start, calls + 1, step(3)), cycle(KINDS), cycle((1, 40, 1)), strict=False):
        yield call, kind, 1 if kind.startswith("killed") else failing


@pytest.mark.parametrize("mode", MODES)
def test_a_delivery_is_applied_once_after_a_fault_of_any_call(run: Unreliable, mode: str) -> None:
    for number, (call, kind, failing) in enumerate(plans(calls_of(run, mode), list(MODES).index(mode)), 1):
        delivery = OneDelivery(run, number, MODES[mode])
        with faults_of(run) as faults:
            for each in range(call, call + failing):
                faults.on(each, KINDS[kind])
            delivery.send()
            delivery.finish()
        delivery.check()
    check_consistency(run.world)


DELETIONS = {"before": meanwhile, "afterwards, killed": then_killed, "afterwards, response lost": applied_then}


@pytest.mark.parametrize("moment", DELETIONS)
def test_an_object_that_a_client_deletes_at_any_moment_does_not_come_back(run: Unreliable, moment: str) -> None:
    mode = "immediate" if moment == "before" else "time_window"
    start = list(DELETIONS).index(moment)
    deleted = 0
    for call in range(1 + (0 if NIGHTLY else start), calls_of(run, mode) + 1, 1 if NIGHTLY else 4):
        delivery = OneDelivery(run, call, MODES[mode])
        with faults_of(run) as faults:
            faults.on(call, DELETIONS[moment](delivery.delete))
            delivery.send()
            delivery.send()
            delivery.finish()
        # Time has passed, so the signature may be too old.
        assert delivery.post().status in (200, 401)
        delivery.finish()
        delivery.check()
        deleted += delivery.is_deleted
    assert deleted > 2
    check_consistency(run.world)
