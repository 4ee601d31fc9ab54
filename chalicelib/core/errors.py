"""The errors that the API reports to clients. They are expected, so they are not logged as faults of the service.

`http.envelope` maps each of these classes to an HTTP status. Each package derives its own errors from them.
The first line of a class's docstring is part of the OpenAPI document.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from chalicelib.core.record import record

# The message of a RequestInvalid quotes names of the request. Longer ones are cut.
MAX_STEP_CHARS = 100


class ApiError(Exception):
    """An error with a human-readable message.

    `text` is the message. `code` is a stable name that lets client programs distinguish errors of the same type.
    `details` holds JSON values. `headers` are added to the response.
    """

    message: ClassVar[str] = "The request was refused"
    code: str | None = None
    headers: ClassVar[Mapping[str, str]] = {}

    def __init__(
        self,
        message: str | None = None,
        *,
        code: str | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        self.text = message or self.message
        self.code = code or self.code
        self.details: dict[str, Any] | None = dict(details) if details else None
        super().__init__(self.text)


class ValidationFailed(ApiError):
    """The request has a valid form, but values that are not accepted."""


@record
class Problem:
    """One error in a request. `location` is `body`, `query` or `path`, followed by the names and indexes of the field.

    `type` is a stable name, such as `missing` or `value_error`.
    """

    location: tuple[str | int, ...]
    message: str
    type: str = "value_error"


class RequestInvalid(ValidationFailed):
    """The request has one or more problems, each with its location. The message names the first one."""

    message = "Validation error"

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(self._describe())

    def _describe(self) -> str:
        if not self.problems:
            return self.message
        first, *others = self.problems
        path = ".".join(str(step)[:MAX_STEP_CHARS] for step in first.location)
        more = f" (and {len(others)} more)" if others else ""
        return f"{self.message} at {path}: {first.message}{more}"


def invalid(*location: str | int, message: str, type: str = "value_error") -> RequestInvalid:
    """Returns a RequestInvalid with a single problem."""
    return RequestInvalid([Problem(location, message, type)])


class BadRequest(ApiError):
    """The request is malformed or cannot be processed."""


class Unauthenticated(ApiError):
    """The request has no valid API key."""


class Forbidden(ApiError):
    """The API key does not permit the operation."""


class NotEnabled(Forbidden):
    """The request uses a feature that this deployment does not have; `details.field` names the field."""

    message = "This feature is not enabled here"


class NotFound(ApiError):
    """The resource does not exist, or the API key may not see it."""


class RouteNotFound(NotFound):
    """The API has no operation at this path."""

    message = "The API has no operation at this path"


class MethodNotAllowed(ApiError):
    """The path exists, but does not support this method."""

    message = "This path does not support this method"


class AlreadyExists(ApiError):
    """Another resource has this name."""


class Conflict(ApiError):
    """The current state of the resource does not allow the operation."""


class PreconditionFailed(ApiError):
    """A precondition of the request, such as `If-Match`, does not hold."""


class TooLarge(ApiError):
    """The request exceeds a size limit."""

    advice: ClassVar[str] = (
        "upload large files (POST /v1/buckets/{bucket_identifier}/uploads) or send them by URL, and send many items in "
        "several requests"
    )
    message = f"The body is too large: {advice}"


class MediaTypeUnsupported(ApiError):
    """The request body is not JSON, or not in the content coding that the request names."""

    message = "The body must be sent as application/json"


class Unavailable(ApiError):
    """The storage is temporarily unavailable and nothing was stored; the client should retry.

    `retry_after` is in seconds.
    """

    message = "The storage is busy, try again"
    retry_after: ClassVar[int] = 1
