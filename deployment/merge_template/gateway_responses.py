"""The responses that API Gateway sends without calling a function, with the error body of the API."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from chalicelib.api import CORS
from chalicelib.core import errors
from chalicelib.http.envelope import INTERNAL_ERROR, INTERNAL_ERROR_MESSAGE, envelope, status_and_type
from deployment.merge_template.cloudformation import Json

# API Gateway replaces these variables. The first includes the quotation marks around the text.
GATEWAY_MESSAGE = "$context.error.messageString"
REQUEST_ID = "$context.requestId"

CORS_HEADERS = ("Access-Control-Allow-Origin", "Access-Control-Expose-Headers")
RETRY_AFTER_SECONDS = 1


@dataclass(frozen=True)
class GatewayResponse:
    """One response, for one or more of API Gateway's response types."""

    response_types: tuple[str, ...]
    error: tuple[int, str]  # the HTTP status and `error.type`
    message: str = GATEWAY_MESSAGE
    headers: Mapping[str, str] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)


RESPONSES = (
    GatewayResponse(("DEFAULT_4XX", "BAD_REQUEST_BODY", "BAD_REQUEST_PARAMETERS"), status_and_type(errors.BadRequest)),
    GatewayResponse(("UNAUTHORIZED",), status_and_type(errors.Unauthenticated), headers={"WWW-Authenticate": "Bearer"}),
    GatewayResponse(
        ("ACCESS_DENIED", "EXPIRED_TOKEN", "INVALID_API_KEY", "INVALID_SIGNATURE", "WAF_FILTERED"),
        status_and_type(errors.Forbidden),
    ),
    GatewayResponse(
        ("MISSING_AUTHENTICATION_TOKEN", "RESOURCE_NOT_FOUND"),
        status_and_type(errors.RouteNotFound),
        errors.RouteNotFound.message,
    ),
    GatewayResponse(("REQUEST_TOO_LARGE",), status_and_type(errors.TooLarge), errors.TooLarge.message),
    GatewayResponse(("UNSUPPORTED_MEDIA_TYPE",), status_and_type(errors.MediaTypeUnsupported)),
    GatewayResponse(
        ("THROTTLED",),
        (429, "TooManyRequestsError"),
        "Too many requests; wait a moment and try again",
        headers={"Retry-After": str(RETRY_AFTER_SECONDS)},
        details={"retryable": True, "retry_after": RETRY_AFTER_SECONDS, "retry_after_seconds": RETRY_AFTER_SECONDS},
    ),
    GatewayResponse(
        ("QUOTA_EXCEEDED",),
        (429, "TooManyRequestsError"),
        "The quota of this key is used up",
        details={"retryable": False},
    ),
    GatewayResponse(
        (
            "DEFAULT_5XX",
            "API_CONFIGURATION_ERROR",
            "AUTHORIZER_CONFIGURATION_ERROR",
            "AUTHORIZER_FAILURE",
            "INTEGRATION_FAILURE",
        ),
        INTERNAL_ERROR,
        INTERNAL_ERROR_MESSAGE,
    ),
    # Not 503, which clients retry because it means that nothing was stored. After a timeout this is not known.
    GatewayResponse(
        ("INTEGRATION_TIMEOUT",),
        (504, "TimeoutError"),
        "The response did not arrive in time; it is not known whether anything was stored",
    ),
)


def gateway_responses() -> Json:
    """The property `GatewayResponses` of the API: one response for each response type."""
    return {type_: _response(each) for each in RESPONSES for type_ in each.response_types}


def _response(response: GatewayResponse) -> Json:
    status, _ = response.error
    return {
        "StatusCode": str(status),
        "ResponseParameters": {"Headers": _headers(response)},
        "ResponseTemplates": {"application/json": _body(response)},
    }


def _headers(response: GatewayResponse) -> dict[str, str]:
    """The headers; API Gateway expects fixed values in single quotation marks."""
    cors = CORS.get_access_control_headers()
    fixed = {**{name: cors[name] for name in CORS_HEADERS}, **response.headers}
    return {**{name: f"'{value}'" for name, value in fixed.items()}, "X-Request-Id": "context.requestId"}


def _body(response: GatewayResponse) -> str:
    status, error_type = response.error
    body = envelope(status, error_type, response.message, details={"request_id": REQUEST_ID, **response.details})
    return json.dumps(body).replace(f'"{GATEWAY_MESSAGE}"', GATEWAY_MESSAGE)
