"""The one maker of error bodies, and the one table that gives every refusal its status.

Every answer that is an error wears the same envelope: `success` false, `status`, and an **object**
under `error` with `message`, `type`, `code` and `details`. A 422 carries the list of problems twice,
in the two shapes that clients of this API have been generated from.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from chalicelib.core import errors
from chalicelib.core.errors import ApiError, Problem, RequestInvalid

# Most specific kinds first: the first kind that a refusal is an instance of decides.
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

# Names and values of a request come back in refusals; so much of each is enough to know it again.
MAX_NAME_CHARS = 200
MAX_MESSAGE_CHARS = 1_000
# Problems are told as long as there is room. The first one always is.
MAX_PROBLEMS_CHARS = 50_000


def status_and_type(refusal: type[ApiError]) -> tuple[int, str]:
    """The HTTP status and the `error.type` of a kind of refusal."""
    for kind, answer in STATUS.items():
        if issubclass(refusal, kind):
            return answer
    raise LookupError(f"{refusal.__name__} is of no kind that has a status")


def envelope(
    status: int,
    type: str,
    message: str,
    *,
    code: str | None = None,
    details: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The body of an error answer."""
    told = _shortened_in(dict(details)) if details else None
    error = {"message": shorten(message, MAX_MESSAGE_CHARS), "type": type, "code": code, "details": told}
    return {"success": False, "status": status, "error": error}


def error_body(refusal: ApiError) -> dict[str, Any]:
    """The body that says a refusal; a `RequestInvalid` lists its problems in both published shapes."""
    status, type_ = status_and_type(refusal.__class__)
    if isinstance(refusal, RequestInvalid):
        return _invalid(status, type_, refusal)
    details = refusal.details
    if isinstance(refusal, errors.Unavailable):
        details = {**(details or {}), "retryable": True, "retry_after_seconds": refusal.retry_after}
    return envelope(status, type_, refusal.text, code=refusal.code, details=details)


def shorten(text: str, most: int) -> str:
    """The text; of one that is too long, its beginning and its end."""
    end = most // 3
    return text if len(text) <= most else f"{text[: most - end - 1]}…{text[-end:]}"


def internal_error(request_id: str) -> dict[str, Any]:
    """The body for a fault of ours: fixed words and the id under which the log has the rest."""
    return envelope(*INTERNAL_ERROR, INTERNAL_ERROR_MESSAGE, details={"request_id": request_id})


def error_headers(refusal: ApiError) -> dict[str, str]:
    """The headers a refusal brings: its own, and `Retry-After` where waiting helps."""
    waiting = {"Retry-After": str(refusal.retry_after)} if isinstance(refusal, errors.Unavailable) else {}
    return {**refusal.headers, **waiting}


def error_response(refusal: ApiError, request_id: str) -> tuple[int, dict[str, str], str]:
    """Status, headers and body text of a refusal, for doors that are not the API itself."""
    body = error_body(refusal)
    headers = {"Content-Type": "application/json", "X-Request-Id": request_id, **error_headers(refusal)}
    return body["status"], headers, json.dumps(body)


def _invalid(status: int, type_: str, refusal: RequestInvalid) -> dict[str, Any]:
    problems = list(_told(refusal.problems))
    errors = [{"type": p.type, "location": list(p.location), "message": p.message} for p in problems]
    body = envelope(status, type_, refusal.text, code=refusal.code, details={"validation_errors": errors})
    body["detail"] = [{"loc": list(p.location), "msg": p.message, "type": p.type} for p in problems]
    return body


def _told(problems: Iterable[Problem]) -> Iterator[Problem]:
    room = MAX_PROBLEMS_CHARS
    for count, problem in enumerate(problems):
        place = tuple(shorten(step, MAX_NAME_CHARS) if isinstance(step, str) else step for step in problem.location)
        message = shorten(problem.message, MAX_MESSAGE_CHARS)
        room -= len(message) + sum(len(str(step)) for step in place)
        if count and room < 0:
            return
        yield Problem(place, message, problem.type)


def _shortened_in(value: Any) -> Any:
    """A JSON value with every text in it shortened. Names are ours, or of fields in a schema, and short."""
    if isinstance(value, dict):
        return {name: _shortened_in(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_shortened_in(member) for member in value]
    return shorten(value, MAX_MESSAGE_CHARS) if isinstance(value, str) else value
