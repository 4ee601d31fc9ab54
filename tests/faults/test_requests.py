"""Every call that any request makes to AWS goes wrong in every way, once and for good.

Which calls there are is found by making the request and counting, so that a new call is covered as it comes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.faults.kinds import FAULTS, ONCE
from tests.faults.steps import STEPS, Step
from tests.faults.whole import check_whole
from tests.http.envelopes import assert_envelope
from tests.http.operations import OPERATIONS
from tests.support.api import Api, ApiResponse
from tests.support.faults import Fault, Faults
from tests.support.world import World

# Health is asked for under a budget of its own, and tells instead of failing; it has its own tests.
ELSEWHERE = {"deep_health"}


def test_every_operation_is_here() -> None:
    assert {name.partition(" ")[0] for name in STEPS} == {operation.name for operation in OPERATIONS} - ELSEWHERE


def each_call(world: World, api: Api, name: str) -> Iterator[tuple[int, Callable[[], Step]]]:
    """The number of each call that the request makes, and what makes such a request; it succeeds."""
    step = STEPS[name](api)
    counting = Faults(world.client, world.s3)
    reply = step.send(api)
    counting.remove()
    assert reply.status in (200, 204), reply.text
    for call in range(1, counting.calls + 1):
        yield call, lambda: step if step.reads else STEPS[name](api)


def send_with(
    world: World, api: Api, step: Step, faults: dict[int, Fault], always: tuple[int, Fault] | None
) -> ApiResponse:
    """The answer to the request while AWS has these faults."""
    planned = Faults(world.client, world.s3)
    for call, fault in faults.items():
        planned.on(call, fault)
    if always:
        planned.always(always[1], first=always[0])
    try:
        return step.send(api)
    finally:
        planned.remove()


@pytest.mark.parametrize("name", STEPS)
def test_one_failed_call_is_made_good(world: World, name: str) -> None:
    api = world.api()
    for call, new_step in each_call(world, api, name):
        for kind in ONCE:
            reply = send_with(world, api, new_step(), {call: FAULTS[kind]}, None)
            assert reply.status in (200, 204), (call, kind, reply.text)
    check_whole(world)


@pytest.mark.parametrize("name", STEPS)
def test_calls_that_fail_for_good_are_a_503_and_leave_nothing_that_a_repetition_does_not_finish(
    world: World, name: str
) -> None:
    api = world.api()
    for call, new_step in each_call(world, api, name):
        for kind, fault in FAULTS.items():
            step = new_step()
            reply = send_with(world, api, step, {}, (call, fault))
            if reply.status not in (200, 204):
                assert_refused(reply)
                again = step.send(api)
                assert again.status in (200, 204, *step.again), (call, kind, again.text)
    check_whole(world)


def assert_refused(reply: ApiResponse) -> None:
    """The envelope with 503, or a batch that says so of its rows."""
    if reply.status == 422 and "failed" in reply.json:
        assert {row["error_type"] for row in reply.json["failed"]} == {"ServiceUnavailableError"}, reply.text
        return
    assert_envelope(reply, 503, "ServiceUnavailableError")
    assert int(reply.headers["Retry-After"]) > 0


def test_a_stranger_is_recognised_or_told_to_come_again(world: World) -> None:
    """The call that finds a key, which a warm function knows already."""

    def stranger() -> Api:
        return world.api(key=world.key_for(world.organization_id))

    step = Step("GET", "/v1/buckets")
    api = stranger()
    counting = Faults(world.client)
    assert step.send(api).status == 200
    counting.remove()
    assert counting.calls > 1
    for kind, fault in FAULTS.items():
        assert send_with(world, stranger(), step, {1: fault}, None).status == 200, kind
        assert_refused(send_with(world, stranger(), step, {}, (1, fault)))
