"""What clients receive of statistics."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict


class BatchStatistics(TypedDict):
    """Statistics about batches in a bucket."""

    total: Annotated[int, Field(default=0, description="All batches of the bucket")]
    active: Annotated[int, Field(default=0, description="Batches that are not finished")]
    completed: Annotated[int, Field(default=0, description="Finished batches, with errors or without")]
    failed: Annotated[int, Field(default=0, description="Batches that failed")]


class StorageStatistics(TypedDict):
    """Statistics about object storage in a bucket. The unit is one object, the sum of its blobs."""

    total_size_bytes: Annotated[int, Field(default=0, description="All objects together, in bytes")]
    avg_size_bytes: Annotated[int, Field(default=0, description="Average object, in bytes")]
    max_size_bytes: Annotated[int, Field(default=0, description="Largest object, in bytes")]
    min_size_bytes: Annotated[int, Field(default=0, description="Smallest object, in bytes")]
