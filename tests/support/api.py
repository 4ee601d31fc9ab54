"""The real application, called as Lambda calls it, by as many threads as a test likes."""

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
    """What came back."""

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
    """A caller of the API: its key, its namespace, and one application per thread.

    Chalice keeps the current request on the application, so threads must not share one.
    """

    services: Callable[[], Services]
    key: str | None = None
    namespace: str | None = None
    _local: threading.local = field(default_factory=threading.local)

    def using(self, *, key: str | None = None, namespace: str | None = None) -> Api:
        """The same API under another key or in another namespace; an empty string sends none."""
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
        """One request. A body that is bytes goes as it is, anything else as JSON."""
        raw = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        url = path + (f"?{urlencode(query, doseq=True)}" if query else "")
        answer = self._gateway().handle_request(method, url, self._headers(headers), raw)
        return ApiResponse(answer["statusCode"], answer["headers"], answer["body"] or "")

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
