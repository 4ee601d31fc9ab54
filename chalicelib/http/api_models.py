"""The models of error responses, and the form of timestamps in every response.

Only the OpenAPI document and the other models need them. The code that builds responses does not import them, because
importing pydantic and building models takes most of the time of a cold start.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import ConfigDict, Field
from typing_extensions import TypedDict

# A date-time in the format of all responses: UTC, with milliseconds and `Z`.
Timestamp = Annotated[str, Field(json_schema_extra={"format": "date-time"})]


class ErrorDetail(TypedDict):
    """The error: a message, a stable type and, for some errors, a more specific code."""

    message: Annotated[str, Field(description="Human-readable description")]
    type: Annotated[str, Field(description="Stable name of the error type")]
    code: Annotated[str | None, Field(description="More specific stable name, for errors that a client may handle")]
    details: Annotated[
        dict[str, Any] | None, Field(description="Further information, such as ids or validation errors")
    ]


_NOT_FOUND: dict[str, Any] = {
    "success": False,
    "status": 404,
    "error": {
        "message": "Namespace not found",
        "type": "NotFoundError",
        "code": None,
        "details": {"resource": "namespace", "id": "ns_123"},
    },
}


class ErrorResponse(TypedDict):
    """The body of every error response."""

    __pydantic_config__ = ConfigDict(json_schema_extra={"examples": [_NOT_FOUND]})  # type: ignore[misc]

    success: Annotated[bool, Field(default=False, description="Always false")]
    status: Annotated[int, Field(description="The HTTP status code of the response")]
    error: ErrorDetail


class ValidationError(TypedDict):
    """One problem of a request, and its location."""

    loc: Annotated[list[str | int], Field(description="`body`, `query` or `path`, followed by field names and indexes")]
    msg: Annotated[str, Field(description="Human-readable description")]
    type: Annotated[str, Field(description="Stable name of the type of problem")]


class HTTPValidationError(ErrorResponse):
    """The body of a 422 response. `detail` lists the same problems as `error.details`, in the format of FastAPI."""

    detail: Annotated[list[ValidationError], Field(description="All problems, each with its location")]
