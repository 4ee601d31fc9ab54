"""The header X-Consumed-Capacity, which is omitted if it could reveal whether a resource exists."""

from __future__ import annotations

import pytest

from chalicelib.api import CORS
from tests.support.costs import measure_costs
from tests.support.objects import create_object_bucket, objects, text
from tests.support.world import World

SHOW = {"X-Show-Cost": "true"}
COST_HEADER = "X-Consumed-Capacity"


def read(value: str) -> dict[str, float]:
    """Returns the members of the header."""
    return {name: float(number) for name, _, number in (member.partition("=") for member in value.split(", "))}


def test_the_header_has_the_same_numbers_as_the_log(world: World) -> None:
    api = world.api()
    path = objects(create_object_bucket(api))
    assert api.post(path, {}).status == 200  # the first object of a bucket needs one more call
    with measure_costs(world, api) as meter:
        reply = api.post(path, {"blobs": [text()]}, headers=SHOW)
        line = meter.lines.fields[-1]
    assert reply.status == 200, reply.text
    cost = read(reply.headers[COST_HEADER])
    assert cost == {
        name.replace("_", "-"): line[name] for name in ("round_trips", "read_units", "write_units", "s3_requests")
    }
    assert cost["s3-requests"] == 1
    assert cost["round-trips"] == 3


@pytest.mark.parametrize("headers", [{}, {"X-Show-Cost": "false"}, {"X-Show-Cost": "yes"}, {"X-Show-Cost": ""}])
def test_the_header_is_sent_on_request_only(world: World, headers: dict[str, str]) -> None:
    assert COST_HEADER not in world.api().post("/v1/buckets/list", headers=headers).headers


def test_errors_about_resources_of_the_caller_have_the_header(world: World) -> None:
    api = world.api()
    create_object_bucket(api, "films")
    taken = api.post("/v1/buckets", {"bucket_name": "films", "bucket_schema": {"properties": {}}}, headers=SHOW)
    assert taken.status == 409
    assert read(taken.headers[COST_HEADER])["round-trips"] >= 1


def test_401_and_404_responses_omit_the_header(world: World) -> None:
    api = world.api()
    missing = api.get("/v1/buckets/bkt_01kdvdna07crhfzd", headers=SHOW)
    unknown = world.api(key="sk_nobodys").get("/v1/buckets", headers=SHOW)
    assert (missing.status, unknown.status) == (404, 401)
    assert COST_HEADER not in {**missing.headers, **unknown.headers}


def test_browsers_may_send_and_read_the_headers() -> None:
    headers = CORS.get_access_control_headers()
    assert "X-Show-Cost" in headers["Access-Control-Allow-Headers"]
    assert COST_HEADER in headers["Access-Control-Expose-Headers"]
