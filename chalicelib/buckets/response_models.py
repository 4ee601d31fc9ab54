"""Response models of buckets. OpenAPI documents them; `show` in `bucket.py` fills them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field
from typing_extensions import TypedDict

from chalicelib.core.statuses import TaskStatusEnum
from chalicelib.core.storage_class import StorageClass
from chalicelib.http.api_models import Timestamp
from chalicelib.listing.models import PaginationResponse
from chalicelib.schemas.models import BucketSchema
from chalicelib.schemas.unique_key import UniqueKeyConfig
from chalicelib.stats.response_models import BatchStatistics, StorageStatistics

# In the code, schema and unique key are the stored JSON documents. OpenAPI documents them by their models.
if TYPE_CHECKING:
    ShownSchema = dict[str, Any]
    ShownUniqueKey = dict[str, Any]
else:
    ShownSchema = BucketSchema
    ShownUniqueKey = UniqueKeyConfig


class BucketResponse(TypedDict):
    """Response model for bucket operations."""

    bucket_id: Annotated[str, Field(description="Unique identifier for the bucket")]
    bucket_name: Annotated[str, Field(description="Human-readable name for the bucket")]
    description: Annotated[str | None, Field(description="Description of the bucket")]
    bucket_schema: Annotated[ShownSchema | None, Field(description="Schema of the bucket's objects")]
    unique_key: Annotated[ShownUniqueKey | None, Field(description="The fields that identify an object")]
    metadata: Annotated[dict[str, Any], Field(description="Free key-value pairs")]
    storage_class: Annotated[StorageClass | None, Field(description="Tier for new objects; null is standard")]
    object_count: Annotated[int, Field(description="Number of objects in the bucket")]
    total_size_bytes: Annotated[int, Field(description="Size of all objects in bytes")]
    created_at: Annotated[Timestamp | None, Field(description="When the bucket was created")]
    updated_at: Annotated[Timestamp | None, Field(description="When its configuration last changed")]
    last_upload_at: Annotated[Timestamp | None, Field(description="When an object was last uploaded")]
    stats_updated_at: Annotated[Timestamp | None, Field(description="When the statistics last changed")]
    status: Annotated[
        TaskStatusEnum,
        Field(default=TaskStatusEnum.ACTIVE, description="ACTIVE, ARCHIVED, SUSPENDED, or IN_PROGRESS"),
    ]
    is_locked: Annotated[bool, Field(default=False, description="Whether the bucket is read-only")]
    batch_stats: Annotated[BatchStatistics | None, Field(description="Statistics of batches")]
    storage_stats: Annotated[StorageStatistics | None, Field(description="Statistics of object sizes")]
    source_adapter: Annotated[dict[str, Any] | None, Field(description="The source adapter, with redacted secrets")]
    failed_object_count: Annotated[int, Field(default=0, description="Number of objects with status FAILED")]
    destination: Annotated[None, Field(description="Not enabled here: always null")]
    ingest_filter: Annotated[None, Field(description="Not enabled here: always null")]


class BucketListStats(TypedDict):
    """Aggregate statistics over all buckets that match."""

    total_objects: Annotated[int, Field(default=0, description="Number of objects in these buckets")]
    total_size_bytes: Annotated[int, Field(default=0, description="Size of all objects in these buckets, in bytes")]
    avg_objects_per_bucket: Annotated[float, Field(default=0, description="Objects per bucket, on average")]
    avg_size_per_bucket: Annotated[float, Field(default=0, description="Bytes per bucket, on average")]


class ListBucketsResponse(TypedDict):
    """A page of buckets."""

    results: Annotated[list[BucketResponse], Field(description="The buckets of this page")]
    total_count: Annotated[int, Field(description="Total number of buckets matching the query")]
    pagination: PaginationResponse
    stats: Annotated[BucketListStats | None, Field(description="Statistics over all buckets that match")]
    warnings: Annotated[list[dict[str, Any]] | None, Field(description="Not used: always null")]
