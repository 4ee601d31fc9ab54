"""What clients send to have something deleted, and what they receive."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypedDict


class DeleteBucketQuery(BaseModel):
    """The query string of a bucket's deletion."""

    model_config = ConfigDict(extra="forbid", defer_build=True)
    force_foreclose: bool = Field(default=False, description="Delete the bucket although it is locked")


class DeleteNamespaceQuery(BaseModel):
    """The query string of a namespace's deletion."""

    model_config = ConfigDict(extra="forbid", defer_build=True)
    force: bool = Field(default=False, description="Delete the namespace although buckets in it are locked")


class BucketDeletionStarted(TypedDict):
    """A bucket that is being deleted."""

    task_id: Annotated[str, Field(description="Poll `GET /v1/tasks/{task_id}` until it is COMPLETED or FAILED")]
    status: Annotated[str, Field(description="PENDING")]
    bucket_id: Annotated[str, Field(description="The bucket")]
    bucket_name: Annotated[str, Field(description="Its name, which is free again")]
    object_count: Annotated[int, Field(description="Objects that go with it")]


class NamespaceDeletionStarted(TypedDict):
    """A namespace that is being deleted."""

    task_id: Annotated[str, Field(description="Poll `GET /v1/tasks/{task_id}` until it is COMPLETED or FAILED")]
    status: Annotated[str, Field(description="PENDING")]
    namespace_id: Annotated[str, Field(description="The namespace")]
    namespace_name: Annotated[str, Field(description="Its name, which is free again")]
