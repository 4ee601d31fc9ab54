"""The request and response models of the delete operations."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypedDict


class DeleteBucketQuery(BaseModel):
    """The query parameters of a request that deletes a bucket."""

    model_config = ConfigDict(extra="forbid", defer_build=True)
    force_foreclose: bool = Field(default=False, description="Delete the bucket even if it is locked or batches run")


class DeleteNamespaceQuery(BaseModel):
    """The query parameters of a request that deletes a namespace."""

    model_config = ConfigDict(extra="forbid", defer_build=True)
    force: bool = Field(
        default=False, description="Delete the namespace even if buckets in it are locked or batches run"
    )


class BucketDeletionStarted(TypedDict):
    """The response to a request that deletes a bucket."""

    task_id: Annotated[
        str, Field(description="Id of the task: poll `GET /v1/tasks/{task_id}` until it is COMPLETED or FAILED")
    ]
    status: Annotated[str, Field(description="Always PENDING")]
    bucket_id: Annotated[str, Field(description="Id of the bucket")]
    bucket_name: Annotated[str, Field(description="Its name, which can be used again")]
    object_count: Annotated[int, Field(description="Number of objects that are deleted with it")]


class NamespaceDeletionStarted(TypedDict):
    """The response to a request that deletes a namespace."""

    task_id: Annotated[
        str, Field(description="Id of the task: poll `GET /v1/tasks/{task_id}` until it is COMPLETED or FAILED")
    ]
    status: Annotated[str, Field(description="Always PENDING")]
    namespace_id: Annotated[str, Field(description="Id of the namespace")]
    namespace_name: Annotated[str, Field(description="Its name, which can be used again")]
