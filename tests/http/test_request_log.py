"""The one line that every request leaves in the log."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.access.models import ResourceScope
from tests.support.log import Log
from tests.support.world import World, bucket_body


def scoped(world: World) -> str:
    return world.key_for(world.organization_id, scopes=[ResourceScope("namespace", "films", ("read",))])


REFUSED: dict[str, tuple[int, dict[str, Any]]] = {
    "no permission": (403, {"key": lambda world: world.key_for(world.organization_id, "read")}),
    "out of reach": (403, {"key": scoped}),
    "no namespace named": (400, {"namespace": ""}),
    "no such namespace": (404, {"namespace": "nowhere"}),
    "not a body": (422, {"body": {"bucket_name": 3}}),
    "done": (200, {}),
}


@pytest.mark.parametrize("name", REFUSED)
def test_whoever_is_known_is_in_the_line_whatever_comes_of_the_request(world: World, log: Log, name: str) -> None:
    status, given = REFUSED[name]
    key = given["key"](world) if "key" in given else world.key
    api = world.api(key=key).using(namespace=given.get("namespace"))

    reply = api.post("/v1/buckets", given.get("body", bucket_body()))

    (line,) = log.lines
    assert (reply.status, line["status"]) == (status, status)
    assert line["organization"] == world.organization_id
    assert line["request_id"] == reply.headers["X-Request-Id"]


@pytest.mark.parametrize("key", ["", "sk_nobody", "no key"])
def test_a_request_of_nobody_has_a_line_without_an_organization(world: World, log: Log, key: str) -> None:
    assert world.api(key=key).get("/v1/buckets").status == 401

    (line,) = log.lines
    assert (line["status"], line["organization"]) == (401, "")


def test_a_wrong_method_has_a_line_too(world: World, log: Log) -> None:
    reply = world.api().call("DELETE", "/v1/buckets")

    (line,) = log.lines
    assert (reply.status, line["status"], line["level"]) == (405, 405, "INFO")
    assert (line["method"], line["route"], line["organization"]) == ("DELETE", "/v1/buckets", "")
    assert line["request_id"] == reply.headers["X-Request-Id"]
    assert line["duration_ms"] >= 0
    assert line["round_trips"] == 0
