"""What clients send and receive about health."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired

from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypedDict


class HealthQuery(BaseModel):
    """The query string of the health operations."""

    model_config = ConfigDict(extra="forbid", defer_build=True)
    deep: bool = Field(default=False, description="Ask the dependencies too")
    metrics: bool = Field(default=False, description="Ask the dependencies too, and add how long each took")


class Dependencies(TypedDict):
    """Whether each dependency answers. What this deployment does not have counts as answering."""

    cache: bool
    metadata: bool
    vector_store: bool
    object_storage: bool
    task_queue: bool
    inference: bool


class HealthCheckResponse(TypedDict):
    """The state of the service; the light answer is its `status` alone."""

    status: Literal["OK", "DEGRADED"]
    data: NotRequired[Dependencies]
    errors: NotRequired[dict[str, str | None]]
    meta: NotRequired[dict[str, Any] | None]


class LivenessResponse(TypedDict):
    """The process answers."""

    status: Annotated[Literal["ok"], Field(default="ok")]
