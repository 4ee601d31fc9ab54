"""Every history of two concurrent requests is explained by some order of them, or its outcome is `unsettled`.

For each operation that writes: its write is applied, the response is lost, another client sends any operation on the
same resource, and the service tries again. And: the service has read, another client sends any operation, and the
service writes. The responses and the stored state are compared with those of both orders, each run in new resources.
A new operation is covered as soon as it has a request in `operation_requests`.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import pytest

from tests.faults.interleaving import (
    Outcome,
    Scenarios,
    alone,
    had_no_effect,
    in_order,
    is_unsettled,
    is_write,
    may_conflict,
    with_theirs_at,
    writes_of,
)
from tests.faults.operation_requests import REQUESTS
from tests.support.world import World

WRITES = [name for name in REQUESTS if is_write(name)]
# The task of the example cannot be canceled, and the other example finds an object with the content.
WITHOUT_EFFECT = {"kill_task", "create_object_buckets skipping duplicates"}


def orders(scenarios: Scenarios, ours: str, theirs: str, writes: int) -> set[Outcome]:
    """The outcomes of all orders: theirs after and before ours, and between the rows of ours in a bulk create."""
    rows = range(2, writes + 1) if ours.startswith("create_objects_batch") else ()
    between = {with_theirs_at(scenarios.new(ours, theirs), number, lost=False)[1] for number in rows}
    return between | {in_order(scenarios.new(ours, theirs), ours_first=first) for first in (True, False)}


def is_explained(scenarios: Scenarios, ours: str, theirs: str, found: Outcome, expected: set[Outcome]) -> bool:
    """Whether an order of both requests, or of those that had an effect, has this outcome."""
    if had_no_effect(found.theirs):
        only = alone(scenarios.new(ours, theirs), ours=True)
        return (found.ours, found.state) == (only.ours, only.state)
    if had_no_effect(found.ours):
        only = alone(scenarios.new(ours, theirs), ours=False)
        return (found.theirs, found.state) == (only.theirs, only.state)
    return found in expected


def unexplained(scenarios: Scenarios, ours: str, theirs: str, writes: int) -> Iterator[str]:
    """Describes each history of both requests that no order of them explains."""
    expected = orders(scenarios, ours, theirs, writes)
    for number, lost in product(range(1, writes + 1), (True, False)):
        reply, outcome = with_theirs_at(scenarios.new(ours, theirs), number, lost=lost)
        if lost and is_unsettled(reply):
            explained = any((each.theirs, each.state) == (outcome.theirs, outcome.state) for each in expected)
        else:
            explained = is_explained(scenarios, ours, theirs, outcome, expected)
        if not explained:
            when = "after its response was lost" if lost else "before"
            yield f"{theirs} {when}, write {number}: {outcome}\n  orders: {expected}"


@pytest.mark.parametrize("ours", WRITES)
def test_two_concurrent_requests_fit_some_order(world: World, ours: str) -> None:
    scenarios = Scenarios(world)
    writes = writes_of(scenarios.new(ours, ours))
    assert writes > 0 or ours in WITHOUT_EFFECT
    failures = [
        failure
        for theirs in WRITES
        if may_conflict(ours, theirs)
        for failure in unexplained(scenarios, ours, theirs, writes)
    ]
    assert not failures, "\n".join(failures)
