"""The HTTP server of `chalice local`, mended to answer like the deployed API.

As it comes, it answers an unknown path with 403 in words of its own, takes a broken Content-Length for a
fault, does not know chunked bodies, sends a body after HEAD, and lets the second packet of each answer
wait 40 ms for the acknowledgement of the first.
"""

from __future__ import annotations

import socket
import sys
import traceback
import uuid
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler
from json import dumps
from typing import Any, BinaryIO, cast

from chalice.app import Chalice
from chalice.config import Config
from chalice.local import ChaliceRequestHandler, LocalGateway, ThreadedHTTPServer

from chalicelib.core.errors import ApiError, BadRequest, RouteNotFound
from chalicelib.http.envelope import error_response, internal_error
from chalicelib.local.server.http_body import read_body

# What API Gateway takes.
MAX_API_REQUEST_BYTES = 10_000_000
MAX_DRAIN_SECONDS = 2.0
MAX_DRAIN_BYTES = 64_000_000

JSON = {"Content-Type": "application/json"}


class MalformedRequest(BadRequest):
    """What arrived is not an HTTP request, or too long for one."""


class Gateway(LocalGateway):
    """Finds the route, and answers 404 where there is none."""

    def __init__(self, app_object: Chalice, config: Config) -> None:
        super().__init__(app_object, config)
        self.cors = cors_headers(app_object)

    def handle_request(self, method: str, path: str, headers: dict[str, Any], body: bytes | None) -> dict[str, Any]:
        """The answer to a request, also where no route is for it."""
        try:
            return super().handle_request(method, path, headers, body)
        except RouteNotFound as refusal:
            status, own, text = error_response(refusal, str(uuid.uuid4()))
            return {"statusCode": status, "headers": {**self.cors, **own}, "multiValueHeaders": {}, "body": text}

    def _generate_lambda_event(
        self, method: str, path: str, headers: dict[str, Any], body: bytes | None
    ) -> dict[str, Any]:
        place, _, query = path.partition("?")
        # A semicolon is an ordinary character of a path, and chalice would cut the path there.
        address = place.replace(";", "%3B") + ("?" + query if query else "")
        try:
            event: dict[str, Any] = super()._generate_lambda_event(method, address, headers, body)
        except ValueError:
            raise RouteNotFound(details={"method": method, "path": place}) from None
        event["requestContext"]["requestId"] = str(uuid.uuid4())
        return event


class Handler(ChaliceRequestHandler):
    """One connection."""

    local_gateway: Gateway
    wbufsize = -1
    disable_nagle_algorithm = True

    def __init__(self, request: Any, client_address: Any, server: Any, app_object: Chalice, config: Config) -> None:
        self.local_gateway = Gateway(app_object, config)
        BaseHTTPRequestHandler.__init__(self, request, client_address, server)

    def _generic_handle(self) -> None:
        try:
            body = read_body(self.headers, cast(BinaryIO, self.rfile), MAX_API_REQUEST_BYTES)
        except ApiError as refusal:
            self._refuse(refusal, closing=True)
            return self._drain()
        try:
            response = self.local_gateway.handle_request(
                method=self.command, path=self.path, headers=dict(self.headers), body=body
            )
        except ApiError as refusal:
            return self._refuse(refusal)
        except Exception as error:  # the last resort, as in foundation.endpoint
            return self._fault(error)
        response = self._handle_binary(response)
        headers = {"X-Request-Id": str(uuid.uuid4()), **response["headers"], **response["multiValueHeaders"]}
        return self._answer(response["statusCode"], headers, response["body"])

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = do_PATCH = do_OPTIONS = _generic_handle

    def __getattr__(self, name: str) -> Any:
        # A method nobody has heard of is still the gateway's to refuse: 404, or 405 where there is a route.
        if name.startswith("do_"):
            return self._generic_handle
        raise AttributeError(name)

    def handle_expect_100(self) -> bool:
        """Says at once that the body may come."""
        going_on = bool(super().handle_expect_100())
        self.wfile.flush()
        return going_on

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the HTTP server itself refuses: a garbled or overlong request."""
        # Without a version it would be answered as HTTP/0.9, that is without status and headers.
        self.request_version = self.protocol_version
        return self._refuse(MalformedRequest(message or self.responses[code][0]), closing=True)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Says nothing: the application logs each request."""

    def _refuse(self, refusal: ApiError, *, closing: bool = False) -> None:
        request_id = str(uuid.uuid4())
        refusal.details = refusal.details or {"request_id": request_id}  # as the deployed gateway's answers
        status, headers, body = error_response(refusal, request_id)
        if closing:
            headers["Connection"] = "close"
        self._answer(status, {**self.local_gateway.cors, **headers}, body)

    def _fault(self, error: Exception) -> None:
        traceback.print_exception(error, file=sys.stderr)
        request_id = str(uuid.uuid4())
        self._answer(
            500, {**self.local_gateway.cors, **JSON, "X-Request-Id": request_id}, dumps(internal_error(request_id))
        )

    def _answer(self, status: int, headers: Mapping[str, Any], body: str | bytes | None) -> None:
        content = body.encode() if isinstance(body, str) else body or b""
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

    def _drain(self) -> None:
        """Reads on for a while: closing with bytes unread would take our answer back from the client."""
        self.connection.shutdown(socket.SHUT_WR)
        self.connection.settimeout(MAX_DRAIN_SECONDS)
        left = MAX_DRAIN_BYTES
        try:
            while left > 0 and (read := self.connection.recv(65_536)):
                left -= len(read)
        except OSError:
            return


class Server(ThreadedHTTPServer):
    """Takes bursts of connections, and does not mind those that break."""

    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Tells of faults; a client that went away is none."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


def cors_headers(app: Chalice) -> dict[str, str]:
    """What lets a page of any site read an answer: the same headers that the routes send."""
    entries = (entry for methods in app.routes.values() for entry in methods.values())
    config = next((entry.cors for entry in entries if entry.cors is not None), None)
    return dict(config.get_access_control_headers()) if config else {}
