"""Calls the real application as Lambda calls it, from any number of threads."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from chalice.config import Config
from chalice.local import LocalGateway

from chalicelib.api import create_app
from chalicelib.services import Services


@dataclass(frozen=True)
class ApiResponse:
    """The response to a request."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def error(self) -> dict[str, Any]:
        return dict(self.json["error"])


class _Application:
    """The application with services that can be replaced between two requests."""

    def __init__(self) -> None:
        self.services: Callable[[], Services] | None = None
        self.gateway = LocalGateway(create_app(self._current_services), Config())

    def _current_services(self) -> Services:
        assert self.services is not None, "the application has no request"
        return self.services()


# The applications that process no request at the moment, for reuse, because creating one takes longer than a request.
_idle: deque[_Application] = deque()


@contextmanager
def _gateway_to(services: Callable[[], Services]) -> Iterator[LocalGateway]:
    """Yields a gateway to an application that uses these services and processes no other request.

    Chalice stores the current request on the application, so concurrent and nested requests need one each.
    """
    try:
        application = _idle.pop()
    except IndexError:
        application = _Application()
    application.services = services
    try:
        yield application.gateway
    finally:
        application.services = None
        _idle.append(application)


@dataclass
class Api:
    """A client of the API with an API key and a namespace. Several threads can use it at the same time.

    With a `gateway`, which only one thread can use, all requests are sent to that gateway.
    """

    services: Callable[[], Services]
    key: str | None = None
    namespace: str | None = None
    gateway: LocalGateway | None = None

    def using(self, *, key: str | None = None, namespace: str | None = None) -> Api:
        """Returns a client with another key or namespace. For an empty string, the header is not sent."""
        return Api(
            self.services,
            self.key if key is None else key,
            self.namespace if namespace is None else namespace,
            self.gateway,
        )

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, Any] | None = None,
    ) -> ApiResponse:
        """Sends one request. A body of bytes is sent unchanged, any other body as JSON."""
        raw = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        url = path + (f"?{urlencode(query, doseq=True)}" if query else "")
        if self.gateway is not None:
            response = self.gateway.handle_request(method, url, self._headers(headers), raw)
        else:
            with _gateway_to(self.services) as gateway:
                response = gateway.handle_request(method, url, self._headers(headers), raw)
        return ApiResponse(response["statusCode"], response["headers"], response["body"] or "")

    def get(self, path: str, **more: Any) -> ApiResponse:
        return self.call("GET", path, **more)

    def post(self, path: str, body: Any = None, **more: Any) -> ApiResponse:
        return self.call("POST", path, body, **more)

    def put(self, path: str, body: Any = None, **more: Any) -> ApiResponse:
        return self.call("PUT", path, body, **more)

    def patch(self, path: str, body: Any = None, **more: Any) -> ApiResponse:
        return self.call("PATCH", path, body, **more)

    def _headers(self, more: Mapping[str, str] | None) -> dict[str, str]:
        headers = {"Content-Type": "application/json"}
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        if self.namespace:
            headers["X-Namespace"] = self.namespace
        return {**headers, **(more or {})}
