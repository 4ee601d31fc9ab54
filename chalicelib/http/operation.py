"""What an operation of the API is: the one declaration that routes, checks and documentation are made from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from chalicelib.core.errors import ApiError
from chalicelib.keys import partition

if TYPE_CHECKING:
    from pydantic import BaseModel

MAX_BODY_BYTES = 1_000_000
# The last attempt may begin just before the end and hang, and the gateway waits for 29 seconds.
REQUEST_TIME_LIMIT_SECONDS = 10.0

Permission = Literal["read", "write", "delete", "admin"]


def can_see_everything(_: str) -> bool:
    """Whoever is bound to nothing sees all."""
    return True


@dataclass(slots=True)
class Call:
    """One request as far as it has been read, and once admitted what an operation may rely on, all of it checked.

    `path` holds the decoded path variables, `headers` has lower-case names, `body` and `query` are
    instances of the operation's models. `namespace_id` is empty where the operation has no namespace.
    `origin` is the address that the gateway answers at, without /v1; empty where no gateway tells it.
    `caller` is whoever sent it, as the doors know them; no operation looks inside.
    `can_see` says whether the caller may know that something of this id is in the namespace.
    """

    request_id: str
    path: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any = None
    query: Any = None
    organization_id: str = ""
    namespace_id: str = ""
    origin: str = ""
    caller: Any = None
    can_see: Callable[[str], bool] = can_see_everything

    @property
    def partition(self) -> str:
        """The partition of everything in the call's namespace."""
        return partition(self.organization_id, self.namespace_id)


@dataclass(frozen=True, slots=True)
class JsonResponse:
    """What an operation gives back: a JSON body (or None for an empty one), a status and headers."""

    body: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One operation of the API.

    `scope` says what a request must carry: nothing (`open`), a key (`organization`), a key and the
    `X-Namespace` header (`namespace`), or a key and a namespace in the path (`namespace_path`).
    Models are named by functions, which are asked when a request needs the model and not before.
    `status` is that of success; with 204 there is no body, and `response` is not asked. `error_body` is
    the model of a 422 that says more than the envelope does. `time_limit_seconds` is how long a request goes
    on trying a storage that is busy.
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
    time_limit_seconds: float = REQUEST_TIME_LIMIT_SECONDS

    @property
    def response_has_etag(self) -> bool:
        """Whether the answer names its state."""
        return "ETag" in self.response_headers
