"""A refusal is a considered no: raised by a room, told to the client, never logged as a fault.

The kinds are few, and HTTP knows only them (`foundation.envelope` gives each its status); rooms
subclass a kind for every no they say:

    ApiError
      ValidationFailed                 the words of the request do not fit (RequestInvalid carries the list)
      BadRequest            the request cannot be served as asked
      Unauthenticated         nobody we know is calling
      Forbidden               the caller is known and may not
        NotEnabled            a feature that this deployment does not have
      NotFound                nothing of that name is here, for this caller
        RouteNotFound         no operation at this path
      MethodNotAllowed        the path exists, the method does not
      AlreadyExists           a name is taken
      Conflict                the state of the thing forbids it
      PreconditionFailed                   a precondition of the caller no longer holds
      TooLarge                more bytes than we take
      MediaTypeUnsupported    a body that is not JSON
      Unavailable                    try again soon, nothing was stored
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar


class ApiError(Exception):
    """A no with a message for people and, where a client may branch, a `code` and `details`."""

    message: ClassVar[str] = "The request was refused"
    code: ClassVar[str | None] = None
    headers: ClassVar[Mapping[str, str]] = {}

    def __init__(
        self,
        message: str | None = None,
        *,
        code: str | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        self.text = message or self.message
        self.reason = code or self.code
        self.details: dict[str, Any] | None = dict(details) if details else None
        super().__init__(self.text)


class ValidationFailed(ApiError):
    """The words of the request do not fit."""


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a request: where (`body`, `query`, … then names and indexes), what, which kind."""

    location: tuple[str | int, ...]
    message: str
    type: str = "value_error"


class RequestInvalid(ValidationFailed):
    """The request has one or more problems, each with its place."""

    message = "Validation error"

    def __init__(self, problems: Iterable[Problem]) -> None:
        super().__init__()
        self.problems = tuple(problems)


def invalid(*location: str | int, message: str, type: str = "value_error") -> RequestInvalid:
    """A `RequestInvalid` with a single problem."""
    return RequestInvalid([Problem(location, message, type)])


class BadRequest(ApiError):
    """The request cannot be served as asked."""


class Unauthenticated(ApiError):
    """Nobody we know is calling."""


class Forbidden(ApiError):
    """The caller is known and may not."""


class NotEnabled(Forbidden):
    """A feature that this deployment does not have; `details.field` names what asked for it."""

    message = "This feature is not enabled here"


class NotFound(ApiError):
    """Nothing of that name is here, for this caller."""


class RouteNotFound(NotFound):
    """No operation answers at this path."""

    message = "No operation answers at this path"


class MethodNotAllowed(ApiError):
    """The path exists, but not with this method."""

    message = "This path does not answer to this method"


class AlreadyExists(ApiError):
    """A name is taken."""


class Conflict(ApiError):
    """The state of the thing forbids it."""


class PreconditionFailed(ApiError):
    """A precondition of the caller no longer holds."""


class TooLarge(ApiError):
    """More bytes than we take."""


class MediaTypeUnsupported(ApiError):
    """A body that says it is not JSON."""

    message = "The body must be sent as application/json"


class Unavailable(ApiError):
    """The storage cannot serve this now; nothing was stored, and the same call may succeed soon."""

    message = "The storage is busy, try again"
    retry_after: ClassVar[int] = 1
