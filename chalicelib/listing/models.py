"""The models of the paging part of lists: query string, body and response."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypedDict

from chalicelib.listing.limits import MAX_QUERY_OFFSET


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
