"""The declaration of an operation of the API. Routes, request checks and the OpenAPI document derive from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from chalicelib.core.errors import ApiError
from chalicelib.core.record import record
from chalicelib.keys import partition

if TYPE_CHECKING:
    from pydantic import BaseModel

MAX_BODY_BYTES = 1_000_000
# Well below the 29 seconds of the gateway: the last attempt of a call may start just before the limit and time out.
REQUEST_TIME_LIMIT_SECONDS = 10.0

Permission = Literal["read", "write", "delete", "admin"]


def can_see_everything(_: str) -> bool:
    """The default of `Call.can_see`: an unscoped caller can see every bucket."""
    return True


@dataclass(slots=True)
class Call:
    """One request. When the operation runs, the request has been authorized and validated.

    `path` has the decoded path variables, and `headers` has lower-case names. `body` and `query` are instances of the
    operation's models. `raw_body` and `raw_query` are set if the operation is `raw`. `namespace_id` is empty if the
    operation has no namespace. `origin` is the base URL of the gateway without /v1, or empty without a gateway.
    `caller` is the authenticated caller, which only the guards use.
    `can_see` returns whether the caller may see the bucket with this id.
    """

    request_id: str
    path: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any = None
    query: Any = None
    raw_body: bytes = b""
    raw_query: Mapping[str, str] = field(default_factory=dict)
    organization_id: str = ""
    namespace_id: str = ""
    origin: str = ""
    caller: Any = None
    can_see: Callable[[str], bool] = can_see_everything

    @property
    def partition(self) -> str:
        """The catalog partition of the namespace."""
        return partition(self.organization_id, self.namespace_id)


@record
class JsonResponse:
    """The response of an operation: a JSON body (None for an empty body), a status and headers.

    With `is_text`, the body is a plain text, and not JSON.
    """

    body: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    is_text: bool = False


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One operation of the API.

    `scope` defines what a request must have: nothing (`open`), an API key (`organization`), an API key and the header
    `X-Namespace` (`namespace`), or an API key and a namespace in the path (`namespace_path`). `body`, `query`,
    `response` and `error_body` are functions that return models, so that a model is built only when a request needs it.
    `status` is the status of a successful response; a 204 has no body, and `response` is not called. `error_body` is
    the model of a 422 whose body has more fields than the envelope. `conditional` defines the supported precondition:
    If-None-Match (`read`) or If-Match (`write`). `time_limit_seconds` is for all calls to AWS together. A `raw`
    operation gets the body as it was sent, and may have any query parameters.
    """

    method: str
    path: str
    name: str
    tag: str
    summary: str
    description: str
    run: Callable[[Call], JsonResponse]
    response: Callable[[], Any]
    scope: Literal["open", "organization", "namespace", "namespace_path"]
    permission: Permission = "read"
    body: Callable[[], type[BaseModel]] | None = None
    body_required: bool = False
    query: Callable[[], type[BaseModel]] | None = None
    errors: tuple[type[ApiError], ...] = ()
    conditional: Literal["no", "read", "write"] = "no"
    response_headers: tuple[str, ...] = ()
    status: int = 200
    error_body: Callable[[], Any] | None = None
    max_body_bytes: int = MAX_BODY_BYTES
    raw: bool = False
    time_limit_seconds: float = REQUEST_TIME_LIMIT_SECONDS

    @property
    def response_has_etag(self) -> bool:
        """Whether the response has an ETag."""
        return "ETag" in self.response_headers
