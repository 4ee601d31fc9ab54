"""What clients send and receive about health."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired

from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypedDict


class HealthQuery(BaseModel):
    """The query string of the light operation."""

    model_config = ConfigDict(extra="forbid", defer_build=True)
    deep: bool = Field(default=False, description="Ask the dependencies too")
    metrics: bool = Field(default=False, description="Ask the dependencies too, and add how long each took")


class DeepHealthQuery(BaseModel):
    """The query string of the deep operation, which asks the dependencies in any case."""

    model_config = ConfigDict(extra="forbid", defer_build=True)
    deep: bool = Field(default=False, description="Read the objects' table too, not the catalog alone")
    metrics: bool = Field(default=False, description="Add how long each took")


class Dependencies(TypedDict):
    """Whether each dependency answers. What this deployment does not have counts as answering."""

    cache: Annotated[bool, Field(description="Not deployed: true")]
    metadata: Annotated[bool, Field(description="DynamoDB answers")]
    vector_store: Annotated[bool, Field(description="Not deployed: true")]
    object_storage: Annotated[bool, Field(description="S3, not asked: true")]
    task_queue: Annotated[bool, Field(description="SQS, not asked: true")]
    inference: Annotated[bool, Field(description="Not deployed: true")]


class HealthCheckResponse(TypedDict):
    """The state of the service; the light answer is its `status` alone."""

    status: Annotated[Literal["OK", "DEGRADED"], Field(description="DEGRADED when a dependency fails")]
    data: NotRequired[Dependencies]
    errors: NotRequired[Annotated[dict[str, str | None], Field(description="What is wrong, by dependency")]]
    meta: NotRequired[Annotated[dict[str, Any] | None, Field(description="What is not deployed; times on demand")]]


class LivenessResponse(TypedDict):
    """The process answers."""

    status: Annotated[Literal["ok"], Field(default="ok", description="Always ok")]
