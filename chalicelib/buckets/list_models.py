"""Request models for listing buckets. They have their own module so that other operations do not import them."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, Field

from chalicelib.listing.models import PageBody, PageQuery, Sort
from chalicelib.listing.search import MAX_SEARCH_LENGTH

_LIST: dict[str, Any] = {
    "search": "post*",
    "filters": {"AND": [{"field": "metadata.team", "operator": "eq", "value": "archive"}]},
    "sort": {"field": "created_at", "direction": "desc"},
    "limit": 20,
}


class ListBucketsRequest(PageBody):
    """Request model for listing buckets."""

    model_config = ConfigDict(strict=True, extra="forbid", defer_build=True, json_schema_extra={"examples": [_LIST]})
    limit: int = Field(default=10, ge=1, le=1000, description="Number of results to return")
    offset: int = Field(default=0, ge=0, description="Number of results to skip")
    search: str | None = Field(
        default=None,
        description="Wildcard search across bucket_id, bucket_name, description and metadata text",
    )
    filters: dict[str, Any] | None = Field(default=None, description="Filter tree or shorthand, on any field")
    sort: Sort | None = Field(default=None, description="`{field, direction}`")
    sorts: list[Sort] | None = Field(default=None, description="Several sorts; the first takes precedence")
    case_sensitive: bool = Field(
        default=False, description="Whether search, filters and sorts distinguish upper and lower case"
    )


class BucketsQuery(PageQuery):
    """The query string of `GET /v1/buckets`."""

    search: str | None = Field(
        default=None, max_length=MAX_SEARCH_LENGTH, description="Wildcard search, as in the body of the list operation"
    )
