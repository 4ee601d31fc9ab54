"""The time limit of a request if AWS is busy or does not respond."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.health.checks import CHECK_TIME_LIMIT_SECONDS
from chalicelib.http.operation import REQUEST_TIME_LIMIT_SECONDS
from tests.http.envelopes import assert_envelope
from tests.support import faults as aws
from tests.support.api import Api, ApiResponse
from tests.support.faults import Faults
from tests.support.slow_time import SlowTime
from tests.support.world import World, bucket_body

# The number of times that each call is throttled. One call alone would succeed within the time limit.
THROTTLED_CALLS = 8
DOWN = {"throttled": aws.throttled, "unavailable": aws.unavailable, "lost": aws.lost(), "never sent": aws.never_sent()}


def throttle_every_call(faults: Faults) -> None:
    for attempt in range(1, 100):
        if attempt % (THROTTLED_CALLS + 1):
            faults.on(attempt, aws.throttled)


def uncached(world: World) -> Api:
    """Returns a client with a key that is not cached."""
    return world.api(key=world.key_for(world.organization_id))


def test_all_calls_of_a_request_share_one_time_limit(time: SlowTime, world: World, faults: Faults) -> None:
    api = uncached(world)
    throttle_every_call(faults)

    reply = api.post("/v1/buckets", bucket_body())

    assert_envelope(reply, 503, "ServiceUnavailableError")
    assert int(reply.headers["Retry-After"]) > 0
    assert time.now < REQUEST_TIME_LIMIT_SECONDS
    faults.remove()
    assert world.api().get("/v1/buckets").json["total_count"] == 0
    assert world.api().get("/v1/buckets/posters").status == 404


def test_each_request_has_its_own_time_limit(time: SlowTime, world: World, faults: Faults) -> None:
    api = uncached(world)
    faults.always(aws.throttled)
    assert api.post("/v1/buckets", bucket_body()).status == 503
    faults.remove()

    afterwards = Faults(world.client)
    for attempt in range(1, THROTTLED_CALLS):
        afterwards.on(attempt, aws.throttled)
    assert api.post("/v1/buckets", bucket_body()).status == 200
    afterwards.remove()


def check_health(world: World, check: str) -> ApiResponse:
    if check == "open":
        return world.api(key="", namespace="").get("/v1/health", query={"deep": "true"})
    return world.api().get("/v1/health/deep", query={"deep": "true"} if check == "deeper" else {})


@pytest.mark.parametrize("check", ["keyed", "deeper", "open"])
@pytest.mark.parametrize("name", DOWN)
def test_health_reports_an_unavailable_database_within_half_a_second(
    time: SlowTime, world: World, faults: Faults, name: str, check: str
) -> None:
    assert world.api().get("/v1/buckets").status == 200
    faults.always(DOWN[name])

    reply = check_health(world, check)

    report: dict[str, Any] = reply.json
    assert (reply.status, report["status"], report["data"]["metadata"]) == (200, "DEGRADED", False)
    assert report["errors"]["metadata"] == "Busy"
    assert time.now < CHECK_TIME_LIMIT_SECONDS


def test_authentication_of_the_deep_health_check_has_the_same_time_limit(
    time: SlowTime, world: World, faults: Faults
) -> None:
    api = uncached(world)
    faults.always(aws.throttled)

    assert_envelope(api.get("/v1/health/deep"), 503, "ServiceUnavailableError")
    assert time.now < CHECK_TIME_LIMIT_SECONDS


def test_a_database_that_is_briefly_busy_is_healthy(time: SlowTime, world: World, faults: Faults) -> None:
    assert world.api().get("/v1/buckets").status == 200
    faults.on(1, aws.throttled)

    assert check_health(world, "keyed").json["status"] == "OK"
