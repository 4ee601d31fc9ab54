"""The request and response models of the health operations."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired

from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypedDict


class HealthQuery(BaseModel):
    """The query parameters of the health check."""

    model_config = ConfigDict(extra="forbid", defer_build=True)
    deep: bool = Field(default=False, description="Check the dependencies, too")
    metrics: bool = Field(default=False, description="Check the dependencies, too, and report how long each check took")


class DeepHealthQuery(BaseModel):
    """The query parameters of the deep health check, which always checks the dependencies."""

    model_config = ConfigDict(extra="forbid", defer_build=True)
    deep: bool = Field(default=False, description="Check the objects table in addition to the catalog table")
    metrics: bool = Field(default=False, description="Report how long each check took")


class Dependencies(TypedDict):
    """Whether each dependency responds. A dependency that is not deployed or not checked is reported as true."""

    cache: Annotated[bool, Field(description="Not deployed: always true")]
    metadata: Annotated[bool, Field(description="DynamoDB responds")]
    vector_store: Annotated[bool, Field(description="Not deployed: always true")]
    object_storage: Annotated[bool, Field(description="S3, not checked: always true")]
    task_queue: Annotated[bool, Field(description="SQS, not checked: always true")]
    inference: Annotated[bool, Field(description="Not deployed: always true")]


class HealthCheckResponse(TypedDict):
    """The health of the service. The shallow check returns `status` only."""

    status: Annotated[Literal["OK", "DEGRADED"], Field(description="DEGRADED if a dependency fails")]
    data: NotRequired[Dependencies]
    errors: NotRequired[
        Annotated[dict[str, str | None], Field(description="The error of each dependency; null if it responds")]
    ]
    meta: NotRequired[
        Annotated[
            dict[str, Any] | None,
            Field(description="The dependencies that are not deployed and not checked; durations if requested"),
        ]
    ]


class LivenessResponse(TypedDict):
    """The process responds."""

    status: Annotated[Literal["ok"], Field(default="ok", description="Always ok")]
