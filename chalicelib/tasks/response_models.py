"""What clients receive about tasks."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field
from typing_extensions import TypedDict

from chalicelib.http.api_models import Timestamp
from chalicelib.listing.models import PaginationResponse
from chalicelib.tasks.task_types import TASK_TYPES

Values = list[str | dict[str, Any]]


class TaskResponse(TypedDict):
    """A background task."""

    task_id: Annotated[str, Field(description="Unique identifier of the task")]
    task_type: Annotated[str, Field(description="What it does", json_schema_extra={"enum": list(TASK_TYPES)})]
    status: Annotated[str, Field(description="PENDING, IN_PROGRESS, COMPLETED, FAILED or CANCELED")]
    inputs: Annotated[Values | None, Field(description="What it was started with")]
    outputs: Annotated[Values | None, Field(description="What came of it, once it is COMPLETED")]
    additional_data: Annotated[
        dict[str, Any] | None,
        Field(description="Ids of what it works on, its `progress`, and its `error` once it is FAILED"),
    ]
    error: Annotated[str | None, Field(description="Why it is FAILED")]
    error_message: Annotated[str | None, Field(description="The same as `error`")]
    created_at: Annotated[Timestamp, Field(description="When it was started")]
    updated_at: Annotated[Timestamp, Field(description="When it last changed")]


class ListTasksResponse(TypedDict):
    """A page of tasks."""

    results: Annotated[list[TaskResponse], Field(description="The tasks of this page")]
    pagination: PaginationResponse


class GenericDeleteResponse(TypedDict):
    """What came of a wish to delete."""

    message: Annotated[str, Field(description="For people")]
    success: Annotated[bool, Field(description="Always true")]
