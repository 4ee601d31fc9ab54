"""The models of error responses, and the form of timestamps in every response.

They are apart from the code that builds responses: importing pydantic and building classes is most of a cold
start, and a request without a body needs none of it.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import ConfigDict, Field
from typing_extensions import TypedDict

# A date-time in the one form that answers have: UTC, milliseconds, `Z`.
Timestamp = Annotated[str, Field(json_schema_extra={"format": "date-time"})]


class ErrorDetail(TypedDict):
    """What went wrong: a sentence, a stable type, and a finer code where a client may branch."""

    message: Annotated[str, Field(description="For people")]
    type: Annotated[str, Field(description="Stable name of the kind of error")]
    code: Annotated[str | None, Field(description="Finer, where a client may branch")]
    details: Annotated[dict[str, Any] | None, Field(description="Ids, problems, hints")]


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
    """The envelope of every error."""

    __pydantic_config__ = ConfigDict(json_schema_extra={"examples": [_NOT_FOUND]})  # type: ignore[misc]

    success: Annotated[bool, Field(default=False, description="Always false")]
    status: Annotated[int, Field(description="The HTTP status once more")]
    error: ErrorDetail


class ValidationError(TypedDict):
    """One thing wrong with a request, and its place."""

    loc: Annotated[list[str | int], Field(description="body, query or path, then names and indexes")]
    msg: Annotated[str, Field(description="For people")]
    type: Annotated[str, Field(description="Stable name of the kind of problem")]


class HTTPValidationError(ErrorResponse):
    """The envelope of a 422, with the same problems a second time under `detail`."""

    detail: Annotated[list[ValidationError], Field(description="Every problem, with its place")]
