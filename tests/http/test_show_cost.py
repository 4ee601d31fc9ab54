"""Whoever asks is told what his request took, and what it took to refuse him something is told nobody."""

from __future__ import annotations

import pytest

from chalicelib.api import CORS
from tests.support.costs import measure_costs
from tests.support.objects import create_object_bucket, objects, text
from tests.support.world import World

SHOW = {"X-Show-Cost": "true"}
TOLD = "X-Consumed-Capacity"


def read(told: str) -> dict[str, float]:
    """The members of such a header."""
    return {name: float(number) for name, _, number in (member.partition("=") for member in told.split(", "))}


def test_an_answer_tells_what_the_log_tells(world: World) -> None:
    api = world.api()
    path = objects(create_object_bucket(api))
    with measure_costs(world, api) as meter:
        reply = api.post(path, {"blobs": [text()]}, headers=SHOW)
        line = meter.lines.fields[-1]
    assert reply.status == 200, reply.text
    told = read(reply.headers[TOLD])
    assert told == {
        name.replace("_", "-"): line[name] for name in ("round_trips", "read_units", "write_units", "s3_requests")
    }
    assert told["s3-requests"] == 1
    assert told["round-trips"] == 3


@pytest.mark.parametrize("headers", [{}, {"X-Show-Cost": "false"}, {"X-Show-Cost": "yes"}, {"X-Show-Cost": ""}])
def test_whoever_does_not_ask_is_not_told(world: World, headers: dict[str, str]) -> None:
    assert TOLD not in world.api().post("/v1/buckets/list", headers=headers).headers


def test_a_refusal_over_ones_own_things_tells(world: World) -> None:
    api = world.api()
    create_object_bucket(api, "films")
    taken = api.post("/v1/buckets", {"bucket_name": "films", "bucket_schema": {"properties": {}}}, headers=SHOW)
    assert taken.status == 409
    assert read(taken.headers[TOLD])["round-trips"] >= 1


def test_what_is_not_there_costs_nobody_knows_what(world: World) -> None:
    api = world.api()
    missing = api.get("/v1/buckets/bkt_01kdvdna07crhfzd", headers=SHOW)
    unknown = world.api(key="sk_nobodys").get("/v1/buckets", headers=SHOW)
    assert (missing.status, unknown.status) == (404, 401)
    assert TOLD not in {**missing.headers, **unknown.headers}


def test_a_browser_may_ask_and_read_it() -> None:
    headers = CORS.get_access_control_headers()
    assert "X-Show-Cost" in headers["Access-Control-Allow-Headers"]
    assert TOLD in headers["Access-Control-Expose-Headers"]
