"""Response models of statistics."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict


class BatchStatistics(TypedDict):
    """Statistics about batches in a bucket."""

    total: Annotated[int, Field(default=0, description="Number of batches in the bucket")]
    active: Annotated[int, Field(default=0, description="Number of batches that are not finished")]
    completed: Annotated[int, Field(default=0, description="Number of batches that finished, with or without errors")]
    failed: Annotated[int, Field(default=0, description="Number of batches that failed")]


class StorageStatistics(TypedDict):
    """Statistics about object storage in a bucket. The size of an object is the sum of the sizes of its blobs."""

    total_size_bytes: Annotated[int, Field(default=0, description="Total size of all objects in bytes")]
    avg_size_bytes: Annotated[int, Field(default=0, description="Average size of an object in bytes")]
    max_size_bytes: Annotated[int, Field(default=0, description="Size of the largest object in bytes")]
    min_size_bytes: Annotated[int, Field(default=0, description="Size of the smallest object in bytes")]
