"""Response models of tasks."""

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
    task_type: Annotated[str, Field(description="What the task does", json_schema_extra={"enum": list(TASK_TYPES)})]
    status: Annotated[str, Field(description="PENDING, IN_PROGRESS, COMPLETED, FAILED or CANCELED")]
    inputs: Annotated[Values | None, Field(description="The input of the task, such as ids or configuration")]
    outputs: Annotated[Values | None, Field(description="The result of the task; null until it is COMPLETED")]
    additional_data: Annotated[
        dict[str, Any] | None,
        Field(
            description="Ids of the resources that the task works on, its `progress`, and its `error` if it is FAILED"
        ),
    ]
    error: Annotated[str | None, Field(description="The error of a FAILED task")]
    error_message: Annotated[str | None, Field(description="The same as `error`")]
    created_at: Annotated[Timestamp, Field(description="When the task was started")]
    updated_at: Annotated[Timestamp, Field(description="When the task last changed")]


class ListTasksResponse(TypedDict):
    """A page of tasks."""

    results: Annotated[list[TaskResponse], Field(description="The tasks on this page")]
    pagination: PaginationResponse


class GenericDeleteResponse(TypedDict):
    """The result of a deletion."""

    message: Annotated[str, Field(description="A human-readable message")]
    success: Annotated[bool, Field(description="Always true")]
