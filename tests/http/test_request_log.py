"""The log line of a request."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.access.models import ResourceScope
from tests.support.log import Log
from tests.support.world import World, bucket_body


def scoped(world: World) -> str:
    return world.key_for(world.organization_id, scopes=[ResourceScope("namespace", "films", ("read",))])


REQUESTS: dict[str, tuple[int, dict[str, Any]]] = {
    "no permission": (403, {"key": lambda world: world.key_for(world.organization_id, "read")}),
    "outside the scope": (403, {"key": scoped}),
    "no namespace header": (400, {"namespace": ""}),
    "unknown namespace": (404, {"namespace": "nowhere"}),
    "invalid body": (422, {"body": {"bucket_name": 3}}),
    "success": (200, {}),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_the_log_line_contains_the_organization_of_an_authenticated_caller(world: World, log: Log, name: str) -> None:
    status, request = REQUESTS[name]
    key = request["key"](world) if "key" in request else world.key
    api = world.api(key=key).using(namespace=request.get("namespace"))

    reply = api.post("/v1/buckets", request.get("body", bucket_body()))

    (line,) = log.lines
    assert (reply.status, line["status"]) == (status, status)
    assert line["organization"] == world.organization_id
    assert line["request_id"] == reply.headers["X-Request-Id"]


@pytest.mark.parametrize("key", ["", "sk_nobody", "no key"])
def test_a_request_without_a_valid_key_is_logged_without_an_organization(world: World, log: Log, key: str) -> None:
    assert world.api(key=key).get("/v1/buckets").status == 401

    (line,) = log.lines
    assert (line["status"], line["organization"]) == (401, "")


def test_a_request_with_an_unsupported_method_is_logged(world: World, log: Log) -> None:
    reply = world.api().call("DELETE", "/v1/buckets")

    (line,) = log.lines
    assert (reply.status, line["status"], line["level"]) == (405, 405, "INFO")
    assert (line["method"], line["route"], line["organization"]) == ("DELETE", "/v1/buckets", "")
    assert line["request_id"] == reply.headers["X-Request-Id"]
    assert line["duration_ms"] >= 0
    assert line["round_trips"] == 0
