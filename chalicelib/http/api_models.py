"""The models of what every room sends and receives: pages, and errors.

Models are kept apart from the code that works with them, here and in every room: importing pydantic and
building classes is most of a cold start, and a request that brings no body needs none of it.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypedDict

from chalicelib.listing.pagination import MAX_QUERY_OFFSET

# A date-time in the one form that answers have: UTC, milliseconds, `Z`.
Timestamp = Annotated[str, Field(json_schema_extra={"format": "date-time"})]


class PageQuery(BaseModel):
    """The paging part of a list's query string."""

    model_config = ConfigDict(extra="forbid", defer_build=True)
    limit: int | None = Field(default=None, ge=1, le=1000, description="Page size")
    page_size: int | None = Field(default=None, ge=1, le=1000, description="Alias of `limit`, which wins")
    offset: int | None = Field(default=None, ge=0, le=MAX_QUERY_OFFSET, description="Rows to skip; a cursor is better")
    page: int | None = Field(default=None, ge=1, le=1_000_000, description="Page number from 1; `offset` wins")
    cursor: str | None = Field(default=None, description="`next_cursor` of the page before; wins over `offset`")
    next_cursor: str | None = Field(default=None, description="Alias of `cursor`")
    after: str | None = Field(default=None, description="Alias of `cursor`")
    include_total: bool = Field(default=False, description="Fill `total` and `total_pages`")


class PageBody(BaseModel):
    """The paging part of a list's body; each value wins over that of the query string."""

    limit: int | None = Field(default=None, ge=1, le=1000, description="Page size")
    page_size: int | None = Field(default=None, ge=1, le=1000, description="Alias of `limit`, which wins")
    offset: int | None = Field(default=None, ge=0, le=MAX_QUERY_OFFSET, description="Rows to skip")
    page: int | None = Field(default=None, ge=1, le=1_000_000, description="Page number from 1; `offset` wins")
    cursor: str | None = Field(default=None, description="`next_cursor` of the page before; wins over `offset`")
    next_cursor: str | None = Field(default=None, description="Alias of `cursor`")
    after: str | None = Field(default=None, description="Alias of `cursor`")
    include_total: bool | None = Field(default=None, description="Fill `total` and `total_pages`")


class PaginationResponse(TypedDict):
    """How to go on. A null `next_cursor` is the end, and nothing else is."""

    total: Annotated[int | None, Field(description="Matches on all pages; only with include_total")]
    page: Annotated[int | None, Field(description="Page number; not with a cursor")]
    page_size: Annotated[int | None, Field(description="Rows asked for")]
    total_pages: Annotated[int | None, Field(description="Pages in all; only with include_total")]
    next_page: Annotated[str | None, Field(description="Link to the next page, for the same body")]
    previous_page: Annotated[str | None, Field(description="Link to the page before; not with a cursor")]
    next_cursor: Annotated[str | None, Field(description="Cursor of the next page; null on the last")]


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
