"""Request models of tasks."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import ConfigDict, Field

from chalicelib.core.statuses import TaskStatusEnum
from chalicelib.listing.models import PageBody, Sort

_LIST: dict[str, Any] = {"status": "IN_PROGRESS", "task_type": "api_buckets_delete", "limit": 20}


class ListTasksRequest(PageBody):
    """Which tasks to list and in which order."""

    model_config = ConfigDict(strict=True, extra="forbid", defer_build=True, json_schema_extra={"examples": [_LIST]})
    status: TaskStatusEnum | None = Field(default=None, description="Only tasks with this status")
    task_type: Annotated[str, Field(max_length=100)] | None = Field(
        default=None, description="Only tasks of this type; case does not matter"
    )
    search: str | None = Field(default=None, description="Wildcard search over id, type and status")
    filters: dict[str, Any] | None = Field(default=None, description="Filter tree or shorthand, on any field")
    sort: Sort | None = Field(default=None, description="`{field, direction}`; by default newest first")
