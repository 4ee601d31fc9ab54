"""Errors of all layers have the same format."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest

from chalicelib.core.errors import ApiError
from chalicelib.http.operation import MAX_BODY_BYTES
from chalicelib.services import Services
from chalicelib.settings import Settings
from chalicelib.wiring import build
from tests.http.envelopes import assert_envelope, header
from tests.http.operations import KEYED, OPERATIONS, send
from tests.support import faults as aws
from tests.support.api import Api, ApiResponse
from tests.support.faults import Fault, Faults
from tests.support.log import Log
from tests.support.slow_time import SlowTime
from tests.support.world import World, bucket_body

Request = Callable[[Api], ApiResponse]

ERRORS: dict[str, tuple[Request, int, str]] = {
    "no key": (lambda api: api.using(key="").get("/v1/buckets"), 401, "UnauthorizedError"),
    "no namespace": (lambda api: api.using(namespace="").get("/v1/buckets"), 400, "BadRequestError"),
    "unknown namespace": (lambda api: api.using(namespace="no").get("/v1/buckets"), 404, "NotFoundError"),
    "unknown bucket": (lambda api: api.get("/v1/buckets/no"), 404, "NotFoundError"),
    "not enabled": (lambda api: api.post("/v1/buckets", bucket_body(destination={})), 403, "NotEnabledError"),
    "name taken": (lambda api: api.post("/v1/namespaces", {"namespace_name": "films"}), 409, "AlreadyExistsError"),
    "garbage cursor": (lambda api: api.get("/v1/buckets?cursor=x"), 400, "BadRequestError"),
    "too large body": (
        lambda api: api.post("/v1/buckets", bucket_body(description="x" * MAX_BODY_BYTES)),
        413,
        "PayloadTooLargeError",
    ),
    "wrong content type": (
        lambda api: api.post("/v1/buckets", bucket_body(), headers={"Content-Type": "text/plain"}),
        415,
        "UnsupportedMediaTypeError",
    ),
    "wrong method": (lambda api: api.call("DELETE", "/v1/health"), 405, "MethodNotAllowedError"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_an_error_has_the_error_format(api: Api, name: str) -> None:
    request, status, type_ = ERRORS[name]
    assert_envelope(request(api), status, type_)


INVALID: dict[str, tuple[bytes, str, list[str | int]]] = {
    "bad JSON": (b'{"bucket_name": ', "json_invalid", ["body"]),
    "no object": (b"[]", "model_type", ["body"]),
    "not UTF-8": (b'{"bucket_name": "\xff"}', "json_invalid", ["body"]),
    "empty": (b"", "missing", ["body"]),
    "blank": (b" \n", "missing", ["body"]),
    "missing field": (b'{"bucket_name": "a"}', "missing", ["body", "bucket_schema"]),
    "wrong type": (b'{"bucket_name": 1, "bucket_schema": {"properties": {}}}', "string_type", ["body", "bucket_name"]),
    "undeclared key": (
        b'{"bucket_name": "a", "bucket_schema": {"properties": {}}, "colour": 1}',
        "extra_forbidden",
        ["body", "colour"],
    ),
}


@pytest.mark.parametrize("name", INVALID)
def test_an_invalid_body_is_reported_in_both_published_formats(api: Api, name: str) -> None:
    raw, type_, location = INVALID[name]
    error = assert_envelope(api.post("/v1/buckets", raw), 422, "ValidationError")
    first = error["details"]["validation_errors"][0]
    path = ".".join(map(str, first["location"]))
    assert error["message"] == f"Validation error at {path}: {first['message']}"
    assert (first["type"], first["location"]) == (type_, location)


def test_the_error_for_an_unknown_field_lists_the_known_fields(api: Api) -> None:
    problem = api.post("/v1/buckets/list", {"colour": 1}).json["detail"][0]
    assert "bucket_id" not in problem["msg"]
    assert all(name in problem["msg"] for name in ("'colour'", "limit", "search", "filters"))


@pytest.mark.parametrize("query", ["limit=0", "limit=a", "limit=1&limit=2", "colour=1", "include_total=2"])
def test_an_invalid_query_parameter_is_reported_with_its_location(api: Api, query: str) -> None:
    error = assert_envelope(api.get(f"/v1/buckets?{query}"), 422, "ValidationError")
    problem = error["details"]["validation_errors"][0]
    assert problem["location"] == ["query", query.partition("=")[0]]


def test_an_operation_without_query_parameters_rejects_them(api: Api) -> None:
    assert_envelope(api.get("/v1/health/liveness?a=1"), 422, "ValidationError")


@pytest.mark.parametrize("path", ["/v1/buckets/list", "/v1/namespaces/list"])
@pytest.mark.parametrize("raw", [b"", b"  \r\n", None])
def test_an_empty_body_is_an_empty_object_if_the_body_is_optional(api: Api, path: str, raw: bytes | None) -> None:
    assert api.post(path, raw).status == 200


def test_an_unsupported_method_gets_a_405_that_lists_the_methods_of_the_path(api: Api) -> None:
    methods: dict[str, set[str]] = {}
    for operation in OPERATIONS:
        methods.setdefault(operation.path, set()).add(operation.method)
    for path, known in methods.items():
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE"} - known:
            reply = api.call(method, path.replace("{", "").replace("}", ""))
            if reply.status == 405:  # otherwise the path matches another one with variables
                assert_envelope(reply, 405, "MethodNotAllowedError")
            allowed = {name.strip() for name in (header(reply, "Allow") or "").split(",")}
            assert allowed == known


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/nothing", "/v1/buckets/a/b/c", "/v2/buckets", "/%00", "//v1"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_an_unknown_path_has_the_error_format(served: str, path: str, method: str) -> None:
    assert_envelope(over_http(served, method, path), 404, "NotFoundError")


def over_http(base: str, method: str, path: str, body: bytes | None = None, **headers: str) -> ApiResponse:
    connection = HTTPConnection(urlsplit(base).netloc)
    try:
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        return ApiResponse(response.status, dict(response.getheaders()), response.read().decode())
    finally:
        connection.close()


def test_a_body_larger_than_the_limit_of_the_gateway_has_the_error_format(served: str) -> None:
    assert_envelope(over_http(served, "POST", "/v1/buckets", bytes(11_000_000)), 413, "PayloadTooLargeError")


def test_an_invalid_http_request_has_the_error_format(served: str) -> None:
    assert_envelope(over_http(served, "GET", "/" + "a" * 70_000), 400, "BadRequestError")


class Broken:
    """A service that fails with an unexpected error."""

    def __init__(self, message: str) -> None:
        self.message = message

    def __getattr__(self, name: str) -> Any:
        raise LookupError(self.message)


def broken(world: World, message: str) -> Api:
    services = replace(world.services, buckets=Broken(message))  # type: ignore[arg-type]
    return Api(lambda: services, world.key, "films")


def test_an_unexpected_error_has_a_fixed_message_without_details(world: World) -> None:
    error = assert_envelope(broken(world, "the inside").get("/v1/buckets/a"), 500, "InternalServerError")
    other = assert_envelope(broken(world, "elsewhere").get("/v1/buckets/b"), 500, "InternalServerError")
    assert error["message"] == other["message"]
    assert set(error["details"]) == {"request_id"}


def test_an_unexpected_error_is_logged_with_the_request_id_of_the_response(world: World, log: Log) -> None:
    message = f"{world.key} whsec_abcdef"
    reply = broken(world, message).get("/v1/buckets/a")
    error = assert_envelope(reply, 500)
    assert error["details"]["request_id"] == header(reply, "X-Request-Id")
    assert "inside" not in reply.text
    (line,) = log.lines
    assert line["level"] == "ERROR"
    assert (line["request_id"], line["status"]) == (header(reply, "X-Request-Id"), 500)
    assert line["route"] == "/v1/buckets/{bucket_identifier}"
    assert line["exception"]["type"] == "LookupError"
    assert any("test_envelope" in frame for frame in line["exception"]["frames"])
    assert world.key not in log.text
    assert "whsec_abcdef" not in log.text


def test_services_that_cannot_be_built_are_an_unexpected_error(world: World) -> None:
    def services() -> Services:
        raise ValueError("BUCKETS_PORT")

    reply = Api(services, world.key, "films").get("/v1/buckets")
    assert_envelope(reply, 500, "InternalServerError")
    assert "PORT" not in reply.text


def test_a_missing_table_is_an_unexpected_error_without_details(world: World) -> None:
    services = build(Settings(catalog_table="no-such-table"), world.client, lambda: world.s3, clock=world.clock)
    reply = Api(lambda: services, world.key, "films").get("/v1/buckets")
    assert_envelope(reply, 500, "InternalServerError")
    assert "no-such-table" not in reply.text
    assert "ResourceNotFound" not in reply.text


BUSY: dict[str, Fault] = {
    "throttled": aws.throttled,
    "over capacity": aws.over_capacity,
    "request limit": aws.error_response("RequestLimitExceeded"),
    "conflicting transaction": aws.conflicting_transaction,
    "conflicting write": aws.conflicting_write,
    "in progress": aws.in_progress,
    "throttled steps": aws.cancelled("ThrottlingError", "None"),
    "internal error": aws.internal_error,
    "unavailable": aws.unavailable,
    "never sent": aws.never_sent(),
    "lost": aws.lost(),
}


@pytest.mark.parametrize("name", BUSY)
def test_calls_to_a_busy_table_are_retried_and_then_fail_without_storing_anything(
    time: SlowTime, world: World, faults: Faults, name: str
) -> None:
    api = world.api()
    assert api.get("/v1/buckets").json["total_count"] == 0
    faults.always(BUSY[name])
    error = assert_envelope(api.post("/v1/buckets", bucket_body()), 503, "ServiceUnavailableError")
    assert error["details"]["retry_after_seconds"] > 0
    assert len(time.sleeps) > 3
    assert sum(time.sleeps) < 25
    faults.remove()
    assert api.get("/v1/buckets").json["total_count"] == 0
    assert api.get("/v1/buckets/posters").status == 404
    assert api.post("/v1/buckets", bucket_body()).status == 200


@pytest.mark.parametrize("name", BUSY)
def test_every_operation_reports_a_busy_table(time: SlowTime, world: World, faults: Faults, name: str) -> None:
    other = world.key_for(world.organization_id)
    faults.always(BUSY[name])
    for operation in KEYED:
        error = assert_envelope(send(world.api(key=other), operation, {}), 503, "ServiceUnavailableError")
        assert error["code"] is None


@pytest.mark.parametrize("name", BUSY)
def test_a_table_that_is_briefly_busy_causes_no_error(time: SlowTime, world: World, faults: Faults, name: str) -> None:
    api = world.api()
    api.get("/v1/buckets")
    faults.on(1, BUSY[name]).on(2, BUSY[name])
    assert api.post("/v1/buckets", bucket_body()).status == 200
    assert len(time.sleeps) == 2


def test_a_write_whose_responses_are_all_lost_has_an_unknown_outcome(
    time: SlowTime, world: World, faults: Faults
) -> None:
    api = world.api()
    api.get("/v1/buckets")
    faults.always(aws.applied_then_timeout())
    error = assert_envelope(api.post("/v1/buckets", bucket_body()), 503, "ServiceUnavailableError")
    assert error["code"] == "unsettled"
    faults.remove()
    assert api.post("/v1/buckets", bucket_body()).json["error"]["code"] == "bucket_name_taken"


def test_every_response_has_its_own_request_id_and_cors_headers(api: Api) -> None:
    replies = [api.get("/v1/health"), api.get("/v1/buckets"), api.get("/v1/health")]
    ids = {header(reply, "X-Request-Id") for reply in replies}
    assert None not in ids
    assert len(ids) == 3
    assert {header(reply, "Access-Control-Allow-Origin") for reply in replies} == {"*"}


def test_a_304_response_has_no_body_and_the_same_headers(api: Api) -> None:
    made = api.post("/v1/buckets", bucket_body())
    etag = header(made, "ETag") or ""
    reply = api.get("/v1/buckets/posters", headers={"If-None-Match": etag})
    assert (reply.status, reply.text) == (304, "")
    assert header(reply, "ETag") == etag
    assert header(reply, "X-Request-Id")
    assert header(reply, "Access-Control-Allow-Origin") == "*"


def test_a_request_is_logged_as_one_line_without_its_contents(world: World, api: Api, log: Log) -> None:
    secret = "whsec_of_the_adapter"
    adapter = {"adapter_type": "generic_webhook", "webhook_secret": secret}
    reply = api.post("/v1/buckets", bucket_body("a private name", source_adapter=adapter))
    assert reply.status == 200, reply.text
    rejected = api.post("/v1/buckets", {"bucket_name": secret, "bucket_schema": 3})
    made, line = log.lines
    assert (made["status"], line["status"]) == (200, 422)
    assert line["request_id"] == header(rejected, "X-Request-Id")
    assert (line["method"], line["route"]) == ("POST", "/v1/buckets")
    assert line["organization"] == world.organization_id
    assert line["duration_ms"] >= 0
    assert line["round_trips"] == 0
    for private in (world.key, secret, "a private name", "adapter", "films"):
        assert private not in log.text


def test_an_error_contains_the_decoded_identifier(api: Api) -> None:
    error = assert_envelope(api.get("/v1/buckets/%F0%9F%98%80+%25"), 404, "NotFoundError")
    assert error["details"]["id"] == "\N{GRINNING FACE}+%"


def test_deep_health_names_the_failed_dependency(time: SlowTime, world: World, faults: Faults) -> None:
    api = world.api()
    assert api.get("/v1/health/deep").json["status"] == "OK"  # the key is cached now
    faults.always(aws.throttled)
    report = api.get("/v1/health/deep").json
    assert (report["status"], report["data"]["metadata"], report["errors"]["metadata"]) == ("DEGRADED", False, "Busy")


def test_an_error_class_without_a_status_is_an_unexpected_error(world: World, log: Log) -> None:
    class WithoutStatus(ApiError):
        """An error without an HTTP status."""

    class Raising(Broken):
        def __getattr__(self, name: str) -> Any:
            raise WithoutStatus()

    services = replace(world.services, buckets=Raising(""))  # type: ignore[arg-type]
    assert_envelope(Api(lambda: services, world.key, "films").get("/v1/buckets/a"), 500, "InternalServerError")
    (line,) = log.lines
    assert line["exception"]["cause"]["type"] == "WithoutStatus"
