"""What clients send and receive about buckets."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue
from typing_extensions import TypedDict

from chalicelib.buckets.schema_models import BucketSchema
from chalicelib.buckets.source_adapter import SourceAdapterConfig
from chalicelib.buckets.unique_key import UniqueKeyConfig
from chalicelib.foundation.ids import is_id
from chalicelib.foundation.statuses import TaskStatusEnum
from chalicelib.foundation.text import printable
from chalicelib.foundation.wire import PageBody, PageQuery, PaginationResponse, Timestamp
from chalicelib.stats.wire import BatchStatistics, StorageStatistics

REQUEST = ConfigDict(strict=True, extra="forbid", defer_build=True)


class StorageClass(StrEnum):
    """Storage tier of a bucket's objects, the same on every provider.

    On S3: standard is STANDARD, nearline STANDARD_IA, coldline GLACIER_IR, archive GLACIER.
    """

    STANDARD = "standard"
    NEARLINE = "nearline"
    COLDLINE = "coldline"
    ARCHIVE = "archive"


# To the code an answer's schema is the stored document; the documentation shows its model.
if TYPE_CHECKING:
    ShownSchema = dict[str, Any]
    ShownUniqueKey = dict[str, Any]
else:
    ShownSchema = BucketSchema
    ShownUniqueKey = UniqueKeyConfig


def _no_id(name: str) -> str:
    # A bucket is addressed by id or name; a name of the form of an id would be another bucket's address.
    if is_id(name, "bkt"):
        raise ValueError("must not have the form of a bucket id")
    return name


BucketName = Annotated[
    str,
    Field(min_length=1, max_length=100, description="Human-readable name, unique within the namespace"),
    AfterValidator(printable),
    AfterValidator(_no_id),
]
NotEnabledHere = Annotated[JsonValue, Field(description="Not enabled here: refused with 403 unless null")]
NOT_ENABLED = ("destination", "ingest_filter")


class BucketCreateRequest(BaseModel):
    """Request model for creating a new bucket."""

    model_config = REQUEST
    bucket_name: BucketName
    bucket_schema: BucketSchema = Field(description="What objects of this bucket look like")
    description: str | None = Field(default=None, description="Description of the bucket")
    unique_key: UniqueKeyConfig | None = Field(default=None, description="Fields that identify an object; fixed")
    metadata: dict[str, JsonValue] | None = Field(default=None, description="Free key-value pairs")
    storage_class: StorageClass | None = Field(default=None, description="Tier in which objects are stored")
    source_adapter: SourceAdapterConfig | None = Field(default=None, description="Turns webhooks into objects")
    destination: NotEnabledHere = None
    ingest_filter: NotEnabledHere = None


class BucketPatchRequest(BaseModel):
    """Request model for a partial update: only the keys that are present change."""

    model_config = REQUEST
    bucket_name: BucketName | None = None
    description: str | None = Field(default=None, description="Description of the bucket; null removes it")
    metadata: dict[str, JsonValue] | None = Field(default=None, description="Replaces the stored metadata")
    bucket_schema: BucketSchema | None = Field(default=None, description="Replaces the schema")
    source_adapter: SourceAdapterConfig | None = Field(
        default=None, description="Replaces the adapter; null removes it"
    )
    storage_class: StorageClass | None = Field(default=None, description="Tier for objects stored from now on")
    unique_key: UniqueKeyConfig | None = Field(default=None, description="May change `default_policy` only")
    destination: NotEnabledHere = None
    ingest_filter: NotEnabledHere = None


class BucketUpdateRequest(BaseModel):
    """Request model for PUT, which here is partial as well: absent keys stay as they are."""

    model_config = REQUEST
    bucket_name: BucketName | None = None
    description: str | None = Field(default=None, description="Description of the bucket; null removes it")
    metadata: dict[str, JsonValue] | None = Field(default=None, description="Replaces the stored metadata")
    bucket_schema: BucketSchema | None = Field(default=None, description="Replaces the schema")
    storage_class: StorageClass | None = Field(default=None, description="Tier for objects stored from now on")
    unique_key: UniqueKeyConfig | None = Field(default=None, description="May change `default_policy` only")
    destination: NotEnabledHere = None
    ingest_filter: NotEnabledHere = None


class BucketChangeQuery(BaseModel):
    """The query string of PUT and PATCH."""

    model_config = ConfigDict(extra="forbid", defer_build=True)
    force_schema_break: bool = Field(
        default=False, description="Allow a schema change that objects already stored may not fit"
    )


class ListBucketsRequest(PageBody):
    """Request model for listing buckets."""

    model_config = REQUEST
    limit: int = Field(default=10, ge=1, le=1000, description="Number of results to return")
    offset: int = Field(default=0, ge=0, description="Number of results to skip")
    search: str | None = Field(
        default=None,
        description="Wildcard search across bucket_id, bucket_name, description and metadata text",
    )
    filters: dict[str, JsonValue] | None = Field(default=None, description="Filter tree or shorthand, on any field")
    sort: dict[str, JsonValue] | None = Field(default=None, description="`{field, direction}`")
    sorts: list[dict[str, JsonValue]] | None = Field(default=None, description="Several sorts, the first is primary")
    case_sensitive: bool = Field(default=False, description="If true, filters and search mind upper and lower case")


class BucketsQuery(PageQuery):
    """The query string of `GET /v1/buckets`."""

    search: str | None = Field(default=None, description="Wildcard search, as in the body of the list operation")


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
    stats_updated_at: Annotated[Timestamp | None, Field(description="When the statistics last moved")]
    status: Annotated[
        TaskStatusEnum,
        Field(default=TaskStatusEnum.ACTIVE, description="ACTIVE, ARCHIVED, SUSPENDED, or IN_PROGRESS"),
    ]
    is_locked: Annotated[bool, Field(default=False, description="Whether the bucket is read-only")]
    batch_stats: Annotated[BatchStatistics | None, Field(description="Statistics of batches")]
    storage_stats: Annotated[StorageStatistics | None, Field(description="Statistics of object sizes")]
    source_adapter: Annotated[dict[str, Any] | None, Field(description="The adapter, its secrets redacted")]
    failed_object_count: Annotated[int, Field(default=0, description="Objects that failed for good")]
    destination: Annotated[None, Field(description="Not enabled here: always null")]
    ingest_filter: Annotated[None, Field(description="Not enabled here: always null")]


class BucketListStats(TypedDict):
    """Aggregate statistics over all buckets that match."""

    total_objects: Annotated[int, Field(default=0, description="Objects of all these buckets")]
    total_size_bytes: Annotated[int, Field(default=0, description="Bytes of all these buckets")]
    avg_objects_per_bucket: Annotated[float, Field(default=0, description="Objects per bucket, on average")]
    avg_size_per_bucket: Annotated[float, Field(default=0, description="Bytes per bucket, on average")]


class ListBucketsResponse(TypedDict):
    """A page of buckets."""

    results: list[BucketResponse]
    total_count: Annotated[int, Field(description="Total number of buckets matching the query")]
    pagination: PaginationResponse
    stats: Annotated[BucketListStats | None, Field(description="Statistics over all buckets that match")]
    warnings: Annotated[list[dict[str, Any]] | None, Field(description="Nothing warns here: always null")]
