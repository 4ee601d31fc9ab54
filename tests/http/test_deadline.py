"""How long a request goes on where the storage is busy or does not answer."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.health.checks import CHECK_TIME_LIMIT_SECONDS
from chalicelib.http.operation import PATIENCE_SECONDS
from tests.http.envelopes import assert_envelope
from tests.support import faults as aws
from tests.support.api import Api, ApiResponse
from tests.support.faults import Faults
from tests.support.slow_time import SlowTime
from tests.support.world import World, bucket_body

# So often a call is refused before it is served; it would be patient enough for that by itself.
REFUSED = 8
DOWN = {"throttled": aws.throttled, "unavailable": aws.unavailable, "lost": aws.lost(), "never sent": aws.never_sent()}


def busy_before_every_call(faults: Faults) -> None:
    for attempt in range(1, 100):
        if attempt % (REFUSED + 1):
            faults.on(attempt, aws.throttled)


def stranger(world: World) -> Api:
    """The API under a key that this process has not seen yet."""
    return world.api(key=world.key_for(world.organization_id))


def test_all_calls_of_a_request_share_one_time(time: SlowTime, world: World, faults: Faults) -> None:
    api = stranger(world)
    busy_before_every_call(faults)

    reply = api.post("/v1/buckets", bucket_body())

    assert_envelope(reply, 503, "ServiceUnavailableError")
    assert int(reply.headers["Retry-After"]) > 0
    assert time.now < PATIENCE_SECONDS
    faults.remove()
    assert world.api().get("/v1/buckets").json["total_count"] == 0
    assert world.api().get("/v1/buckets/posters").status == 404


def test_the_next_request_has_all_its_time_again(time: SlowTime, world: World, faults: Faults) -> None:
    api = stranger(world)
    faults.always(aws.throttled)
    assert api.post("/v1/buckets", bucket_body()).status == 503
    faults.remove()

    afterwards = Faults(world.client)
    for attempt in range(1, REFUSED):
        afterwards.on(attempt, aws.throttled)
    assert api.post("/v1/buckets", bucket_body()).status == 200
    afterwards.remove()


def ask(world: World, way: str) -> ApiResponse:
    if way == "open":
        return world.api(key="", namespace="").get("/v1/health", query={"deep": "true"})
    return world.api().get("/v1/health/deep", query={"deep": "true"} if way == "deeper" else {})


@pytest.mark.parametrize("way", ["keyed", "deeper", "open"])
@pytest.mark.parametrize("name", DOWN)
def test_health_tells_of_a_database_that_is_down_in_half_a_second(
    time: SlowTime, world: World, faults: Faults, name: str, way: str
) -> None:
    assert world.api().get("/v1/buckets").status == 200
    faults.always(DOWN[name])

    reply = ask(world, way)

    report: dict[str, Any] = reply.json
    assert (reply.status, report["status"], report["data"]["metadata"]) == (200, "DEGRADED", False)
    assert report["errors"]["metadata"] == "Busy"
    assert time.now < CHECK_TIME_LIMIT_SECONDS


def test_health_does_not_wait_longer_to_know_who_asks(time: SlowTime, world: World, faults: Faults) -> None:
    api = stranger(world)
    faults.always(aws.throttled)

    assert_envelope(api.get("/v1/health/deep"), 503, "ServiceUnavailableError")
    assert time.now < CHECK_TIME_LIMIT_SECONDS


def test_a_database_that_is_busy_for_a_moment_is_well(time: SlowTime, world: World, faults: Faults) -> None:
    assert world.api().get("/v1/buckets").status == 200
    faults.on(1, aws.throttled)

    assert ask(world, "keyed").json["status"] == "OK"
