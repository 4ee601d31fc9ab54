"""Injects faults, temporary and permanent, into every call to AWS of every operation.

The calls of a request are found by sending it and counting, so new calls are covered automatically. `make nightly`
injects every kind of fault into every call. In `make test`, the kinds take turns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import pytest

from tests.faults.consistency import check_consistency
from tests.faults.fault_kinds import FAULTS, SINGLE_FAULTS
from tests.faults.operation_requests import REQUESTS, OperationRequest
from tests.http.envelopes import assert_envelope
from tests.http.operations import OPERATIONS
from tests.support.api import Api, ApiResponse
from tests.support.faults import Fault, Faults
from tests.support.nightly import NIGHTLY, fewer, step
from tests.support.world import World

# Deep health has its own time limit and reports faults in a successful response. It has its own tests.
TESTED_ELSEWHERE = {"deep_health"}


def test_every_operation_has_a_request() -> None:
    assert {name.partition(" ")[0] for name in REQUESTS} == {
        operation.name for operation in OPERATIONS
    } - TESTED_ELSEWHERE


def each_call(world: World, api: Api, name: str) -> Iterator[tuple[int, Callable[[], OperationRequest]]]:
    """Yields the number of each call to AWS that a request makes, with a function that creates such a request.

    Fails if the request does not succeed without faults.
    """
    request = REQUESTS[name](api)
    counting = Faults(world.client, world.s3)
    reply = request.send(api)
    counting.remove()
    assert reply.status in (200, 204), reply.text
    for call in range(1, counting.calls + 1):
        yield call, lambda: request if request.is_read_only else REQUESTS[name](api)


def kinds_for(call: int, kinds: Sequence[str]) -> Sequence[str]:
    """The kinds of faults for a call: all of them in `make nightly`, otherwise one, which differs from call to call.

    Of the calls after the fourth, `make test` lets every fourth one fail. With an engine outside of this process, it
    lets every twelfth one after the first fail.
    """
    if NIGHTLY:
        return kinds
    if call <= fewer(4):
        return [kinds[call % len(kinds)]]
    turn, other = divmod(call, step(4))
    return () if other else [kinds[turn % len(kinds)]]


def send_with(
    world: World, api: Api, request: OperationRequest, faults: dict[int, Fault], always: tuple[int, Fault] | None
) -> ApiResponse:
    """Sends the request. `faults`: faults by call number. `always`: a fault of this call and all later ones."""
    planned = Faults(world.client, world.s3)
    for call, fault in faults.items():
        planned.on(call, fault)
    if always:
        planned.always(always[1], first=always[0])
    try:
        return request.send(api)
    finally:
        planned.remove()


@pytest.mark.parametrize("name", REQUESTS)
def test_one_failed_call_is_retried(world: World, name: str) -> None:
    api = world.api()
    for call, new_request in each_call(world, api, name):
        for kind in kinds_for(call, SINGLE_FAULTS):
            reply = send_with(world, api, new_request(), {call: FAULTS[kind]}, None)
            assert reply.status in (200, 204), (call, kind, reply.text)
    check_consistency(world)


@pytest.mark.parametrize("name", REQUESTS)
def test_permanent_faults_return_503_and_a_repeated_request_succeeds(world: World, name: str) -> None:
    api = world.api()
    for call, new_request in each_call(world, api, name):
        for kind in kinds_for(call, tuple(FAULTS)):
            request = new_request()
            reply = send_with(world, api, request, {}, (call, FAULTS[kind]))
            if reply.status not in (200, 204):
                assert_unavailable(reply)
                again = request.send(api)
                assert again.status in (200, 204, *request.again), (call, kind, again.text)
    check_consistency(world)


def assert_unavailable(reply: ApiResponse) -> None:
    """Checks that the response is a 503, or a bulk create response whose failed rows all have this error."""
    if reply.status == 422 and "failed" in reply.json:
        assert {row["error_type"] for row in reply.json["failed"]} == {"ServiceUnavailableError"}, reply.text
        return
    assert_envelope(reply, 503, "ServiceUnavailableError")
    assert int(reply.headers["Retry-After"]) > 0


def test_authentication_retries_or_returns_503(world: World) -> None:
    """The first request with a key makes one more call than later ones, which find the key in the cache."""

    def new_client() -> Api:
        return world.api(key=world.key_for(world.organization_id))

    request = OperationRequest("GET", "/v1/buckets")
    api = new_client()
    counting = Faults(world.client)
    assert request.send(api).status == 200
    counting.remove()
    assert counting.calls > 1
    for kind, fault in FAULTS.items():
        assert send_with(world, new_client(), request, {1: fault}, None).status == 200, kind
        assert_unavailable(send_with(world, new_client(), request, {}, (1, fault)))
