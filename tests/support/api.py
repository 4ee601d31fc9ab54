"""Calls the real application as Lambda calls it, from any number of threads."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
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


@dataclass
class Api:
    """A client of the API with an API key and a namespace.

    Chalice stores the current request on the application, so each thread has an application of its own.
    """

    services: Callable[[], Services]
    key: str | None = None
    namespace: str | None = None
    _local: threading.local = field(default_factory=threading.local)

    def using(self, *, key: str | None = None, namespace: str | None = None) -> Api:
        """Returns a client with another key or namespace. For an empty string, the header is not sent."""
        return Api(
            self.services,
            self.key if key is None else key,
            self.namespace if namespace is None else namespace,
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
        response = self._gateway().handle_request(method, url, self._headers(headers), raw)
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

    def _gateway(self) -> LocalGateway:
        gateway: LocalGateway | None = getattr(self._local, "gateway", None)
        if gateway is None:
            gateway = self._local.gateway = LocalGateway(create_app(self.services), Config())
        return gateway
