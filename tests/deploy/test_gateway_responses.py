"""The responses that API Gateway generates have the error format of the API."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chalicelib.api import CORS
from chalicelib.core.errors import RouteNotFound, TooLarge
from chalicelib.http.api_models import ErrorDetail, ErrorResponse
from chalicelib.http.envelope import INTERNAL_ERROR, STATUS, internal_error
from deployment.merge_template.template import merge_template

# All response types of API Gateway.
KINDS = [
    "ACCESS_DENIED",
    "API_CONFIGURATION_ERROR",
    "AUTHORIZER_CONFIGURATION_ERROR",
    "AUTHORIZER_FAILURE",
    "BAD_REQUEST_BODY",
    "BAD_REQUEST_PARAMETERS",
    "DEFAULT_4XX",
    "DEFAULT_5XX",
    "EXPIRED_TOKEN",
    "INTEGRATION_FAILURE",
    "INTEGRATION_TIMEOUT",
    "INVALID_API_KEY",
    "INVALID_SIGNATURE",
    "MISSING_AUTHENTICATION_TOKEN",
    "QUOTA_EXCEEDED",
    "REQUEST_TOO_LARGE",
    "RESOURCE_NOT_FOUND",
    "THROTTLED",
    "UNAUTHORIZED",
    "UNSUPPORTED_MEDIA_TYPE",
    "WAF_FILTERED",
]
# Errors that only API Gateway returns.
GATEWAY_ONLY = {(429, "TooManyRequestsError"), (504, "TimeoutError")}

RESPONSES: dict[str, dict[str, Any]] = merge_template()["Resources"]["RestAPI"]["Properties"]["GatewayResponses"]

each_kind = pytest.mark.parametrize("kind", KINDS)


def body_of(kind: str) -> dict[str, Any]:
    """Returns the body as API Gateway sends it, after replacing the two variables in the template."""
    text: str = RESPONSES[kind]["ResponseTemplates"]["application/json"]
    message = json.dumps('A message of the gateway, "quoted"')
    filled = text.replace("$context.error.messageString", message).replace("$context.requestId", "request-1")
    body: dict[str, Any] = json.loads(filled)
    return body


def headers_of(kind: str) -> dict[str, str]:
    headers: dict[str, str] = RESPONSES[kind]["ResponseParameters"]["Headers"]
    return headers


def test_every_response_type_is_in_the_template(template: dict[str, Any]) -> None:
    assert set(RESPONSES) == set(KINDS)
    assert template["Resources"]["RestAPI"]["Properties"]["GatewayResponses"] == RESPONSES


@each_kind
def test_the_body_has_the_error_format(kind: str) -> None:
    body = body_of(kind)
    assert set(body) == set(ErrorResponse.__annotations__)
    assert set(body["error"]) == set(ErrorDetail.__annotations__)
    assert body["success"] is False
    assert body["status"] == int(RESPONSES[kind]["StatusCode"])
    assert body["error"]["message"]
    assert body["error"]["details"]["request_id"] == "request-1"


@each_kind
def test_status_and_type_are_those_of_the_application(kind: str) -> None:
    body = body_of(kind)
    known = {*STATUS.values(), INTERNAL_ERROR, *GATEWAY_ONLY}
    assert (body["status"], body["error"]["type"]) in known


@each_kind
def test_a_browser_may_read_the_response_and_its_request_id(kind: str) -> None:
    headers = headers_of(kind)
    assert headers["X-Request-Id"] == "context.requestId"
    for name in ("Access-Control-Allow-Origin", "Access-Control-Expose-Headers"):
        assert headers[name] == f"'{CORS.get_access_control_headers()[name]}'"


def test_an_unknown_path_has_the_message_of_the_application() -> None:
    for kind in ("MISSING_AUTHENTICATION_TOKEN", "RESOURCE_NOT_FOUND"):
        assert body_of(kind)["error"]["message"] == RouteNotFound.message
        assert RESPONSES[kind]["StatusCode"] == "404"


def test_throttling_has_a_retry_after() -> None:
    details = body_of("THROTTLED")["error"]["details"]
    assert details["retryable"] is True
    assert headers_of("THROTTLED")["Retry-After"] == f"'{details['retry_after_seconds']}'"


def test_a_timeout_does_not_say_that_nothing_was_stored() -> None:
    # Clients retry a 503, which means that nothing was stored. After a timeout this is not known.
    assert RESPONSES["INTEGRATION_TIMEOUT"]["StatusCode"] == "504"
    assert "Retry-After" not in headers_of("INTEGRATION_TIMEOUT")


def test_server_errors_have_the_message_of_the_application() -> None:
    for kind in ("DEFAULT_5XX", "INTEGRATION_FAILURE"):
        assert body_of(kind) == internal_error("request-1")


def test_a_request_that_is_too_large_has_the_advice_of_the_application() -> None:
    assert body_of("REQUEST_TOO_LARGE")["error"]["message"] == TooLarge.message
