"""Models of the pagination parameters and of the pagination part of a response."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from chalicelib.listing.limits import MAX_QUERY_OFFSET


def _check_sort(value: Any) -> Any:
    if isinstance(value, dict):
        return value
    from chalicelib.listing.filters.hints import sort_here

    raise PydanticCustomError("dict_type", "{message}", {"message": f"A sort is an object: {sort_here(value)}"})


# `sorting.read_sorts` checks the members.
Sort = Annotated[dict[str, Any], BeforeValidator(_check_sort)]


class PageQuery(BaseModel):
    """The pagination parameters in the query string of a list operation."""

    model_config = ConfigDict(extra="forbid", defer_build=True)
    limit: int | None = Field(default=None, ge=1, le=1000, description="Page size")
    page_size: int | None = Field(default=None, ge=1, le=1000, description="Alias of `limit`, which takes precedence")
    offset: int | None = Field(default=None, ge=0, le=MAX_QUERY_OFFSET, description="Rows to skip; prefer a cursor")
    page: int | None = Field(
        default=None, ge=1, le=1_000_000, description="Page number from 1; `offset` takes precedence"
    )
    cursor: str | None = Field(
        default=None, description="`next_cursor` of the previous page; takes precedence over `offset`"
    )
    next_cursor: str | None = Field(default=None, description="Alias of `cursor`")
    after: str | None = Field(default=None, description="Alias of `cursor`")
    include_total: bool = Field(default=False, description="Whether to return `total` and `total_pages`")


class PageBody(BaseModel):
    """The pagination parameters in the body of a list operation. They take precedence over the query string."""

    limit: int | None = Field(default=None, ge=1, le=1000, description="Page size")
    page_size: int | None = Field(default=None, ge=1, le=1000, description="Alias of `limit`, which takes precedence")
    offset: int | None = Field(default=None, ge=0, le=MAX_QUERY_OFFSET, description="Rows to skip")
    page: int | None = Field(
        default=None, ge=1, le=1_000_000, description="Page number from 1; `offset` takes precedence"
    )
    cursor: str | None = Field(
        default=None, description="`next_cursor` of the previous page; takes precedence over `offset`"
    )
    next_cursor: str | None = Field(default=None, description="Alias of `cursor`")
    after: str | None = Field(default=None, description="Alias of `cursor`")
    include_total: bool | None = Field(default=None, description="Whether to return `total` and `total_pages`")


class PaginationResponse(TypedDict):
    """The totals of a list, and how to read its other pages.

    Only a null `next_cursor` means that there are no more pages.
    """

    total: Annotated[int | None, Field(description="Matches on all pages; only with include_total")]
    page: Annotated[int | None, Field(description="Page number; not with a cursor")]
    page_size: Annotated[int | None, Field(description="The requested page size")]
    total_pages: Annotated[int | None, Field(description="Number of pages; only with include_total")]
    next_page: Annotated[str | None, Field(description="Link to the next page; send the same body with it")]
    previous_page: Annotated[str | None, Field(description="Link to the previous page; not with a cursor")]
    next_cursor: Annotated[str | None, Field(description="Cursor of the next page; null on the last")]
