"""Every history of two concurrent requests is explained by some order of them, or its outcome is `unsettled`.

For each operation that writes: its write is applied, the response is lost, another client sends any operation on the
same resource, and the service tries again. And: the service has read, another client sends any operation, and the
service writes. The responses and the stored state are compared with those of both orders, each run in new resources.
A new operation is covered as soon as it has a request in `operation_requests`.

`make nightly` runs all pairs of operations. `make test` runs a sample that contains each operation with at least one
other, as ours and as theirs: a twelfth of the pairs on the same kind of resource, or on one and what it directly
contains, a forty-eighth of those with a batch or a source adapter, and fewer of the others, such as an object and a
namespace.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

import pytest

from tests.faults.interleaving import (
    Outcome,
    Scenarios,
    alone,
    had_no_effect,
    in_order,
    is_about_adapters,
    is_about_batches,
    is_about_uploads,
    is_unsettled,
    is_write,
    may_conflict,
    with_theirs_at,
    writes_of,
)
from tests.faults.operation_requests import REQUESTS
from tests.support.nightly import NIGHTLY, step
from tests.support.world import World

Pair = tuple[str, str]
WRITES = [name for name in REQUESTS if is_write(name)]
NEAR = [pair for pair in product(WRITES, WRITES) if may_conflict(*pair)]
FAR = [pair for pair in product(WRITES, WRITES) if not may_conflict(*pair)]
# Pairs with an operation on batches, on source adapters and their deliveries, or on uploads.
SAMPLED = [
    pair
    for pair in NEAR
    if any(is_about_batches(name) or is_about_adapters(name) or is_about_uploads(name) for name in pair)
]
OTHERS = [pair for pair in NEAR if pair not in SAMPLED]
# The task of the example cannot be canceled, and the other example finds an object with the content.
WITHOUT_EFFECT = {"kill_task", "create_object_buckets skipping duplicates", "test_source_adapter"}
# If it is unknown whether the object was stored, no batch is created. No order of complete requests has this state.
STOPS_IF_UNSETTLED = {"create_object_buckets processed"}
# Operations that store several resources one after another, or create one and then submit it.
IN_PARTS = (
    "confirm_upload_buckets with a batch",
    "create_objects_batch",
    "create_object_buckets processed",
    "create_batch_buckets_batches submitted",
    "bulk_submit",
    "submit_all",
    "replay_source_adapter_deliveries",
)
# Of these, all rows are read before the first one is changed, which is a part as well.
READ_FIRST = ("submit_all", "replay_source_adapter_deliveries")


def sample(pairs: Sequence[Pair], every: int) -> list[Pair]:
    """One of so many pairs of each operation, and at least one in which it is ours, and one in which it is theirs."""
    numbers = {name: number for number, name in enumerate(WRITES)}
    chosen = [pair for pair in pairs if (numbers[pair[0]] + numbers[pair[1]]) % every == 0]
    for side, name in product((0, 1), WRITES):
        missing = [pair for pair in pairs if pair[side] == name]
        if missing and not any(pair[side] == name for pair in chosen):
            chosen.append(missing[0])
    return chosen


PAIRS = NEAR + FAR if NIGHTLY else sample(OTHERS, step(12)) + sample(SAMPLED, step(48)) + FAR[:: step(50)]


def test_every_operation_is_tested_as_ours_and_as_theirs() -> None:
    for side in (0, 1):
        assert {pair[side] for pair in PAIRS} == set(WRITES)


def orders(scenarios: Scenarios, ours: str, theirs: str, writes: int) -> set[Outcome]:
    """The outcomes of all orders: theirs after and before ours, and between the parts of ours if it has several."""
    first = 1 if ours.startswith(READ_FIRST) else 2
    rows = range(first, writes + 1) if ours.startswith(IN_PARTS) else ()
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
            explained = any(
                each.theirs == outcome.theirs and (each.state == outcome.state or ours in STOPS_IF_UNSETTLED)
                for each in expected
            )
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
        failure for first, theirs in PAIRS if first == ours for failure in unexplained(scenarios, ours, theirs, writes)
    ]
    assert not failures, "\n".join(failures)
