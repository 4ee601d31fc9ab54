"""Builds the bodies of error responses, and maps each error class to its HTTP status.

All error responses have the same envelope: `success` (false), `status`, and an object `error` with `message`, `type`,
`code` and `details`. The body of a 422 lists its problems twice, in the two formats that published clients expect.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from chalicelib.core import errors
from chalicelib.core.errors import ApiError, Problem, RequestInvalid

# Subclasses come before their base classes, because the first matching class is used.
STATUS: dict[type[ApiError], tuple[int, str]] = {
    errors.ValidationFailed: (422, "ValidationError"),
    errors.BadRequest: (400, "BadRequestError"),
    errors.Unauthenticated: (401, "UnauthorizedError"),
    errors.NotEnabled: (403, "NotEnabledError"),
    errors.Forbidden: (403, "ForbiddenError"),
    errors.NotFound: (404, "NotFoundError"),
    errors.MethodNotAllowed: (405, "MethodNotAllowedError"),
    errors.AlreadyExists: (409, "AlreadyExistsError"),
    errors.Conflict: (409, "ConflictError"),
    errors.PreconditionFailed: (412, "PreconditionFailedError"),
    errors.TooLarge: (413, "PayloadTooLargeError"),
    errors.MediaTypeUnsupported: (415, "UnsupportedMediaTypeError"),
    errors.Unavailable: (503, "ServiceUnavailableError"),
}

INTERNAL_ERROR = (500, "InternalServerError")
INTERNAL_ERROR_MESSAGE = "Something went wrong on our side; quote the request id when you report it"

# Errors quote names and values of the request, which are shortened to these lengths.
MAX_NAME_CHARS = 200
MAX_MESSAGE_CHARS = 1_000
# The maximum total length of the problems in a response. The first problem is always included.
MAX_PROBLEMS_CHARS = 50_000


def status_and_type(error: type[ApiError]) -> tuple[int, str]:
    """Returns the HTTP status and the `error.type` of an error class."""
    for base, result in STATUS.items():
        if issubclass(error, base):
            return result
    raise LookupError(f"{error.__name__} is not derived from a class that has a status")


def envelope(
    status: int,
    type: str,
    message: str,
    *,
    code: str | None = None,
    details: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Returns the body of an error response."""
    short_details = _shorten_all(dict(details)) if details else None
    error = {"message": shorten(message, MAX_MESSAGE_CHARS), "type": type, "code": code, "details": short_details}
    return {"success": False, "status": status, "error": error}


def error_body(error: ApiError) -> dict[str, Any]:
    """Returns the body of the response to an error. RequestInvalid lists its problems in both published formats."""
    status, type_ = status_and_type(error.__class__)
    if isinstance(error, RequestInvalid):
        return _validation_body(status, type_, error)
    details = error.details
    if isinstance(error, errors.Unavailable):
        details = {**(details or {}), "retryable": True, "retry_after_seconds": error.retry_after}
    return envelope(status, type_, error.text, code=error.code, details=details)


def shorten(text: str, max_chars: int) -> str:
    """Returns the text or, if it is longer than `max_chars`, its start and end with an ellipsis between them."""
    end = max_chars // 3
    return text if len(text) <= max_chars else f"{text[: max_chars - end - 1]}…{text[-end:]}"


def internal_error(request_id: str) -> dict[str, Any]:
    """Returns the body of a 500 response. It has a fixed message and the request id, which the log line has too."""
    return envelope(*INTERNAL_ERROR, INTERNAL_ERROR_MESSAGE, details={"request_id": request_id})


def error_headers(error: ApiError) -> dict[str, str]:
    """Returns the headers of an error, with `Retry-After` if it is Unavailable."""
    retry = {"Retry-After": str(error.retry_after)} if isinstance(error, errors.Unavailable) else {}
    return {**error.headers, **retry}


def error_response(error: ApiError, request_id: str) -> tuple[int, dict[str, str], str]:
    """Returns status, headers and body of an error response, for responses that do not come from an operation."""
    body = error_body(error)
    headers = {"Content-Type": "application/json", "X-Request-Id": request_id, **error_headers(error)}
    return body["status"], headers, json.dumps(body)


def _validation_body(status: int, type_: str, error: RequestInvalid) -> dict[str, Any]:
    problems = list(_within_limit(error.problems))
    listed = [{"type": p.type, "location": list(p.location), "message": p.message} for p in problems]
    body = envelope(status, type_, error.text, code=error.code, details={"validation_errors": listed})
    body["detail"] = [{"loc": list(p.location), "msg": p.message, "type": p.type} for p in problems]
    return body


def _within_limit(problems: Iterable[Problem]) -> Iterator[Problem]:
    """Yields the first problem and, while MAX_PROBLEMS_CHARS is not exceeded, the following ones, shortened."""
    remaining = MAX_PROBLEMS_CHARS
    for count, problem in enumerate(problems):
        location = tuple(shorten(step, MAX_NAME_CHARS) if isinstance(step, str) else step for step in problem.location)
        message = shorten(problem.message, MAX_MESSAGE_CHARS)
        remaining -= len(message) + sum(len(str(step)) for step in location)
        if count and remaining < 0:
            return
        yield Problem(location, message, problem.type)


def _shorten_all(value: Any) -> Any:
    """Returns a JSON value with all strings shortened. Keys are short names and stay unchanged."""
    if isinstance(value, dict):
        return {name: _shorten_all(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_shorten_all(member) for member in value]
    return shorten(value, MAX_MESSAGE_CHARS) if isinstance(value, str) else value
