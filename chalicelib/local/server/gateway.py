"""The HTTP server of `chalice local`, changed to respond like the deployed API.

The original responds to an unknown path with 403 and a body of its own, treats an invalid Content-Length as an internal
error, does not support chunked bodies, sends a body after HEAD, and delays the second packet of each response by 40 ms,
until the first is acknowledged.
"""

from __future__ import annotations

import sys
import traceback
import uuid
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler
from json import dumps
from typing import Any

from chalice.app import Chalice
from chalice.config import Config
from chalice.local import ChaliceRequestHandler, LocalGateway

from chalicelib.core.errors import ApiError, BadRequest, RouteNotFound, Unavailable
from chalicelib.http.envelope import error_response, internal_error
from chalicelib.local.server.compression import compressed, decompressed
from chalicelib.local.server.connections import LimitedServer, StrictHandler
from chalicelib.local.server.http_body import drain

# The payload limit of API Gateway.
MAX_API_REQUEST_BYTES = 10_000_000

COST_HEADER = "X-Consumed-Capacity"
JSON = {"Content-Type": "application/json"}


class MalformedRequest(BadRequest):
    """The request is not valid HTTP, or its request line or headers are too long."""


class Gateway(LocalGateway):
    """Finds the route of a request. Responds with 404 if there is none."""

    def __init__(self, app_object: Chalice, config: Config) -> None:
        super().__init__(app_object, config)
        self.cors = cors_headers(app_object)

    def handle_request(self, method: str, path: str, headers: dict[str, Any], body: bytes | None) -> dict[str, Any]:
        """Returns the response in the form of a Lambda proxy integration, also for an unknown path."""
        try:
            response: dict[str, Any] = super().handle_request(method, path, headers, body)
        except RouteNotFound as error:
            status, error_headers, text = error_response(error, str(uuid.uuid4()))
            all_headers = {**self.cors, **error_headers}
            return {"statusCode": status, "headers": all_headers, "multiValueHeaders": {}, "body": text}
        if COST_HEADER in response["headers"]:
            response["headers"][COST_HEADER] = without_units(response["headers"][COST_HEADER])
        return response

    def _generate_lambda_event(
        self, method: str, path: str, headers: dict[str, Any], body: bytes | None
    ) -> dict[str, Any]:
        url_path, _, query = path.partition("?")
        # A semicolon is an ordinary character of a path, but Chalice cuts the path there.
        url = url_path.replace(";", "%3B") + ("?" + query if query else "")
        try:
            event: dict[str, Any] = super()._generate_lambda_event(method, url, headers, body)
        except ValueError:
            raise RouteNotFound(details={"method": method, "path": url_path}) from None
        event["requestContext"]["requestId"] = str(uuid.uuid4())
        return event


class Handler(StrictHandler, ChaliceRequestHandler):
    """Handles the requests of one connection."""

    local_gateway: Gateway

    def __init__(self, request: Any, client_address: Any, server: Any, app_object: Chalice, config: Config) -> None:
        self.local_gateway = Gateway(app_object, config)
        BaseHTTPRequestHandler.__init__(self, request, client_address, server)

    def _generic_handle(self) -> None:
        try:
            body = self.read_whole_body(MAX_API_REQUEST_BYTES)
        except ApiError as error:
            self._send_api_error(error, closing=True)
            return drain(self.connection)
        try:
            if body:
                coding = ", ".join(self.headers.get_all("Content-Encoding", []))
                body = decompressed(body, coding, MAX_API_REQUEST_BYTES)
            response = self.local_gateway.handle_request(
                method=self.command, path=self.path, headers=dict(self.headers), body=body
            )
        except ApiError as error:
            return self._send_api_error(error)
        except Exception as error:  # the last resort, as in http.endpoint
            return self._send_internal_error(error)
        response = self._handle_binary(response)
        headers = {"X-Request-Id": str(uuid.uuid4()), **response["headers"], **response["multiValueHeaders"]}
        return self._send(response["statusCode"], headers, response["body"])

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = do_PATCH = do_OPTIONS = _generic_handle

    def __getattr__(self, name: str) -> Any:
        # The gateway responds to unknown methods as well: 404, or 405 if the path has a route.
        if name.startswith("do_"):
            return self._generic_handle
        raise AttributeError(name)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Sends the error for a request that the HTTP server itself rejects: an invalid or too long one."""
        self.request_version = self.protocol_version  # as in StrictHandler
        return self._send_api_error(MalformedRequest(message or self.responses[code][0]), closing=True)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Logs nothing: the application logs each request."""

    def _send_api_error(self, error: ApiError, *, closing: bool = False) -> None:
        request_id = str(uuid.uuid4())
        error.details = error.details or {"request_id": request_id}  # as in the responses of API Gateway
        status, headers, body = error_response(error, request_id)
        if closing:
            headers["Connection"] = "close"
        self._send(status, {**self.local_gateway.cors, **headers}, body)

    def _send_internal_error(self, error: Exception) -> None:
        traceback.print_exception(error, file=sys.stderr)
        request_id = str(uuid.uuid4())
        self._send(
            500, {**self.local_gateway.cors, **JSON, "X-Request-Id": request_id}, dumps(internal_error(request_id))
        )

    def _send(self, status: int, headers: Mapping[str, Any], body: str | bytes | None) -> None:
        content = body.encode() if isinstance(body, str) else body or b""
        asked = getattr(self, "headers", None)  # a malformed request has none
        smaller = compressed(content, asked.get("Accept-Encoding")) if asked else None
        if smaller is not None:
            content, headers = smaller, {**headers, "Content-Encoding": "gzip"}
        self.send_response(status)
        for name, values in headers.items():
            for value in values if isinstance(values, list) else [values]:
                self.send_header(name, str(value))
        if status not in (204, 304):
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD" and status not in (204, 304):
            self.wfile.write(content)
        self.wfile.flush()


class Server(LimitedServer):
    """Responds with the error envelope when it is busy."""

    def busy_response(self) -> bytes:
        """Returns the response if every connection processes a request, with the error envelope."""
        status, headers, body = error_response(Unavailable(), str(uuid.uuid4()))
        lines = [f"HTTP/1.1 {status} Service Unavailable", *(f"{name}: {value}" for name, value in headers.items())]
        content = body.encode() if isinstance(body, str) else body
        head = "\r\n".join([*lines, f"Content-Length: {len(content)}", "Connection: close"])
        return head.encode() + b"\r\n\r\n" + content


def without_units(cost: str) -> str:
    """Returns the value of X-Consumed-Capacity without capacity units, which the embedded engine does not calculate."""
    return ", ".join(member for member in cost.split(", ") if "-units=" not in member)


def cors_headers(app: Chalice) -> dict[str, str]:
    """Returns the CORS headers of the app's routes, which let a page of any site read a response."""
    entries = (entry for methods in app.routes.values() for entry in methods.values())
    config = next((entry.cors for entry in entries if entry.cors is not None), None)
    return dict(config.get_access_control_headers()) if config else {}
