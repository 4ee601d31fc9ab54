"""The log line of a request."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chalicelib.access.models import ResourceScope
from chalicelib.api import create_app
from chalicelib.buckets.service import Buckets
from chalicelib.core import log as service_log
from chalicelib.core.log import redacted_text
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


def test_a_line_has_the_time_the_key_and_the_ids_of_the_resources(world: World, log: Log) -> None:
    api = world.api()
    made = api.post("/v1/buckets", bucket_body()).json
    namespace = api.get("/v1/namespaces/films").json["namespace_id"]
    created = api.post("/v1/buckets/posters/objects", {"title": "M"}).json
    assert api.call("DELETE", f"/v1/buckets/posters/objects/{created['object_id']}").status == 204
    assert api.get("/v1/buckets/posters").status == 200
    assert api.patch("/v1/buckets/posters", {"description": "new"}).status == 200
    assert api.call("DELETE", "/v1/buckets/posters").status == 200

    (key,) = world.services.access.list_keys(world.organization_id)
    for line in log.lines:
        assert (line["key_id"], line["namespace"]) == (key.key_id, namespace)
        assert (line["error_type"], line["error_code"]) == ("", "")
        assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])
    bucket_create, _, object_create, object_delete, bucket_get, bucket_update, bucket_delete = log.lines
    for line in (bucket_create, object_create, object_delete, bucket_get, bucket_update, bucket_delete):
        assert line["bucket"] == made["bucket_id"]
    assert object_create["object"] == object_delete["object"] == created["object_id"]
    assert (bucket_delete["method"], bucket_delete["route"]) == ("DELETE", "/v1/buckets/{bucket_identifier}")


def test_a_failed_request_is_logged_with_the_type_and_the_code_of_its_error(world: World, log: Log) -> None:
    api = world.api()
    api.post("/v1/buckets", bucket_body())
    replies = [
        api.post("/v1/buckets", bucket_body()),
        api.get("/v1/buckets/bkt_0000000000000000"),
        api.using(key="sk_nobody").get("/v1/buckets"),
        api.post("/v1/buckets", {}),
        api.call("DELETE", "/v1/buckets"),
    ]
    for reply, line in zip(replies, log.lines[1:], strict=True):
        assert (line["error_type"], line["error_code"]) == (reply.error["type"], reply.error["code"] or "")
    assert log.lines[1]["error_code"] == "bucket_name_taken"
    assert log.lines[2]["bucket"] == "bkt_0000000000000000"
    assert (log.lines[3]["key_id"], log.lines[3]["namespace"]) == ("", "")


def test_an_internal_error_is_logged_with_its_type(world: World, log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(Buckets, "get", fail)
    assert world.api().get("/v1/buckets/posters").status == 500
    (line,) = log.lines
    assert (line["error_type"], line["error_code"], line["exception"]["type"]) == (
        "InternalServerError",
        "",
        "RuntimeError",
    )


def test_every_soft_deleted_object_is_logged_with_the_request_id(world: World, log: Log) -> None:
    api = world.api()
    bucket = api.post("/v1/buckets", bucket_body()).json["bucket_id"]
    ids = [api.post("/v1/buckets/posters/objects", {"title": title}).json["object_id"] for title in "abc"]
    body = {"object_ids": [*ids[:2], "obj_none", "a secret"], "reason": "licence"}
    reply = api.post("/v1/buckets/posters/objects/bulk-soft-delete", body)

    soft_deleted, line = log.lines[-2:]
    assert (soft_deleted["message"], soft_deleted["bucket"]) == ("objects soft-deleted", bucket)
    assert soft_deleted["object_ids"] == ids[:2]
    assert soft_deleted["request_id"] == line["request_id"] == reply.headers["X-Request-Id"]


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=128))
@example("x" * 128)
@example("a b")
def test_a_valid_request_id_of_a_client_is_returned_and_logged(world: World, log: Log, given_id: str) -> None:
    reply = world.api().get("/v1/buckets", headers={"X-Request-Id": given_id})
    assert reply.headers["X-Request-Id"] == given_id
    line = log.lines[-1]
    assert line["request_id"] == redacted_text(given_id)
    assert line["gateway_request_id"] == ""


@pytest.mark.parametrize("given_id", ["", " ", "x" * 129, "a\tb", "a\x00b", "a\nb", "é", "\N{SNOWMAN}", "a\x7f"])
def test_an_invalid_request_id_of_a_client_is_replaced(world: World, log: Log, given_id: str) -> None:
    reply = world.api().get("/v1/buckets", headers={"X-Request-Id": given_id})
    (line,) = log.lines
    assert reply.headers["X-Request-Id"] == line["request_id"] != given_id
    assert len(line["request_id"]) == 36


@pytest.mark.parametrize(("headers", "expected"), [({}, "from-gateway"), ({"X-Request-Id": "mine"}, "mine")])
def test_the_request_id_of_the_gateway_is_logged_and_used_if_the_client_sends_none(
    world: World, log: Log, headers: dict[str, str], expected: str
) -> None:
    app = create_app(lambda: world.services)
    event = {
        "requestContext": {"httpMethod": "GET", "resourcePath": "/v1/buckets", "requestId": "from-gateway"},
        "headers": {**headers, "Authorization": f"Bearer {world.key}", "X-Namespace": "films"},
        "multiValueQueryStringParameters": None,
        "pathParameters": {},
        "stageVariables": None,
        "body": None,
        "isBase64Encoded": False,
    }
    response = app(event, None)
    (line,) = log.lines
    assert response["headers"]["X-Request-Id"] == line["request_id"] == expected
    assert line["gateway_request_id"] == "from-gateway"


def test_errors_of_the_framework_have_the_request_id_of_the_client(world: World, log: Log) -> None:
    reply = world.api().call("DELETE", "/v1/buckets", headers={"X-Request-Id": "mine"})
    (line,) = log.lines
    assert (reply.status, reply.headers["X-Request-Id"], line["request_id"]) == (405, "mine", "mine")


def test_log_lines_of_the_code_below_have_the_request_id(
    world: World, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = Buckets.get

    def get(*arguments: Any, **more: Any) -> Any:
        service_log.log("below")
        return find(*arguments, **more)

    monkeypatch.setattr(Buckets, "get", get)
    world.api().get("/v1/buckets/posters", headers={"X-Request-Id": "mine"})
    below, line = log.lines
    assert (below["message"], below["request_id"], line["request_id"]) == ("below", "mine", "mine")
    service_log.log("outside")
    assert "request_id" not in log.lines[-1]
