"""The request models of batches."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from chalicelib.core.json_codec import to_json
from chalicelib.core.statuses import TaskStatusEnum

STRICT = ConfigDict(strict=True, extra="forbid", defer_build=True)
QUERY = ConfigDict(extra="forbid", defer_build=True)
MAX_OBJECTS = 50_000
# Workers read the row of a batch before each object, and a read is charged by the size of the row.
MAX_METADATA_BYTES = 8_000

ObjectIds = Annotated[list[Annotated[str, Field(min_length=1, max_length=64)]], Field(min_length=1)]
DedupStrategy = Literal["skip", "replace", "force"]
Filters = dict[str, Any]
NOT_ENABLED = "Not enabled: rejected with 403 if it is not empty"
STRATEGY = "`skip` (default): objects that are COMPLETED already are skipped. `replace` and `force`: all are processed"


def _check_metadata(value: dict[str, Any] | None) -> None:
    if value is not None and len(to_json(value).encode()) > MAX_METADATA_BYTES:
        message = f"The metadata of a batch has at most {MAX_METADATA_BYTES} bytes as JSON"
        raise PydanticCustomError("metadata_too_large", "{message}", {"message": message})


class BatchMetadata(BaseModel):
    """Describes a batch. Every other key is kept as well."""

    model_config = ConfigDict(strict=True, extra="allow", defer_build=True)
    campaign_id: str | None = Field(default=None, description="Id of a campaign")
    source: str | None = Field(default=None, description="Where the objects come from")
    notes: str | None = Field(default=None, description="A note")
    tags: list[str] | None = Field(default=None, description="Tags")

    @model_validator(mode="after")
    def _check_size(self) -> BatchMetadata:
        _check_metadata(self.model_dump(exclude_unset=True))
        return self


class CreateBatchRequest(BaseModel):
    """A new batch, with the ids of its objects or a filter. Without both, it is empty, and objects are added later."""

    model_config = ConfigDict(
        **STRICT, json_schema_extra={"examples": [{"object_ids": ["obj_01"], "metadata": {"campaign_id": "spring"}}]}
    )
    object_ids: ObjectIds | None = Field(default=None, description="Ids of objects of the bucket; at most 50 000")
    filters: Filters | None = Field(
        default=None, description="Instead of ids: all objects that match this filter; at most 50 000"
    )
    limit: Annotated[int, Field(ge=1, le=MAX_OBJECTS)] | None = Field(
        default=None, description="Only with `filters`: the maximum number of objects"
    )
    collection_ids: list[str] | None = Field(
        default=None,
        validation_alias=AliasChoices("collection_ids", "collections"),
        description=NOT_ENABLED,
    )
    dedup_strategy: DedupStrategy | None = Field(default=None, description=STRATEGY)
    metadata: BatchMetadata | None = Field(default=None, description="Free key-value pairs; at most 8 KB")
    batch_name: str | None = Field(default=None, max_length=256, description="A name; need not be unique")
    auto_submit: bool | None = Field(default=None, description="As in the query string, which takes precedence")
    trigger_processing: bool | None = Field(default=None, description="Deprecated alias of `auto_submit`")

    @model_validator(mode="after")
    def _check_selection(self) -> CreateBatchRequest:
        if self.object_ids is not None and self.filters is not None:
            raise PydanticCustomError("contradiction", "Give either object_ids or filters, not both")
        if self.limit is not None and self.filters is None:
            raise PydanticCustomError("contradiction", "limit is only valid with filters")
        return self


class CreateBatchQuery(BaseModel):
    """The query string of a create request."""

    model_config = QUERY
    skip_validation: bool = Field(default=False, description="Do not check that the objects exist")
    auto_submit: bool | None = Field(default=None, description="Submit the batch at once")
    trigger_processing: bool | None = Field(default=None, description="Deprecated alias of `auto_submit`")


class AddObjectsRequest(BaseModel):
    """Objects to add to a draft."""

    model_config = ConfigDict(**STRICT, json_schema_extra={"examples": [{"object_ids": ["obj_01"]}]})
    object_ids: ObjectIds = Field(description="Ids of objects of the bucket")


class AddObjectsQuery(BaseModel):
    """The query string of a request that adds objects."""

    model_config = QUERY
    skip_validation: bool = Field(default=False, description="Do not check that the objects exist")


class PatchBatchRequest(BaseModel):
    """A change of a batch."""

    model_config = ConfigDict(**STRICT, json_schema_extra={"examples": [{"metadata": {"notes": "second delivery"}}]})
    metadata: BatchMetadata = Field(description="Replaces the stored metadata")


class BatchQuery(BaseModel):
    """The query string of a get request."""

    model_config = QUERY
    return_presigned_urls: bool = Field(
        default=False, description="Return download URLs of the manifest and of the report"
    )


class ListBatchesRequest(BaseModel):
    """Which batches to list. Newer batches come first."""

    model_config = ConfigDict(**STRICT, json_schema_extra={"examples": [{"status": "IN_PROGRESS", "limit": 20}]})
    status: TaskStatusEnum | None = Field(
        default=None, description="Only batches with this status. QUEUED means PENDING, and PROCESSING IN_PROGRESS"
    )
    collection_id: str | None = Field(default=None, description="No batch has a collection: the list is empty")
    bucket_id: str | None = Field(default=None, description="Only batches of this bucket")
    namespace_id: str | None = Field(default=None, description="Only batches of this namespace, by id or name")
    offset: int | None = Field(default=0, ge=0, description="Batches to skip; prefer a cursor")
    limit: int | None = Field(default=100, ge=1, le=1000, description="Page size")
    cursor: str | None = Field(default=None, description="`next_cursor` of the previous page")


class SubmitBatchRequest(BaseModel):
    """How to run a batch."""

    model_config = ConfigDict(**STRICT, json_schema_extra={"examples": [{"webhook_url": "https://example.com/done"}]})
    include_processing_history: bool | None = Field(default=True, description="No effect: there are no documents")
    collection_ids: list[str] | None = Field(default=None, description=NOT_ENABLED)
    webhook_url: str | None = Field(
        default=None, max_length=2083, description="Receives a POST request when the batch has ended; http or https"
    )
    webhook_secret: str | None = Field(
        default=None,
        min_length=16,
        max_length=255,
        description="Signs the requests to `webhook_url`. Without it, the response has a new one",
    )
    tolerated_failure_percentage: float | None = Field(
        default=None,
        ge=0,
        le=100,
        description="The batch ends as FAILED if more than this percentage of its objects fail. Default: it continues",
    )

    @model_validator(mode="after")
    def _check_secret(self) -> SubmitBatchRequest:
        if self.webhook_secret is not None and self.webhook_url is None:
            raise PydanticCustomError("contradiction", "webhook_secret is only valid with webhook_url")
        return self


class SubmitBatchQuery(BaseModel):
    """The query string of a submission."""

    model_config = QUERY
    force: bool = Field(default=False, description="Submit even if another running batch contains some of the objects")


class CancelBatchQuery(BaseModel):
    """The query string of a cancellation."""

    model_config = QUERY
    reason: str | None = Field(default=None, max_length=500, description="Why; kept with the batch")


class RetryBatchRequest(BaseModel):
    """Which failed objects to process again."""

    model_config = ConfigDict(**STRICT, json_schema_extra={"examples": [{"retry_mode": "all"}]})
    retry_mode: Literal["transient_only", "all"] = Field(
        default="transient_only", description="Only transient failures, or all"
    )
    tier_nums: list[Annotated[int, Field(ge=0, le=0)]] | None = Field(
        default=None, description="Tiers to retry; a batch has only the tier 0"
    )
    max_retry_count: int = Field(
        default=3, ge=1, le=10, description="Objects that have been retried this many times are left out"
    )


class ResubmitBatchQuery(BaseModel):
    """The query string of a resubmission."""

    model_config = QUERY
    from_tier: Annotated[int, Field(ge=0, le=0)] | None = Field(
        default=None, description="The tier to start with; a batch has only the tier 0"
    )
    auto_submit: bool | None = Field(default=None, description="If false, the batch becomes a draft. Default true")
    trigger_processing: bool | None = Field(default=None, description="Deprecated alias of `auto_submit`")


class ResubmitBatchRequest(BaseModel):
    """The same parameters as in the query string, which takes precedence."""

    model_config = ConfigDict(**STRICT, json_schema_extra={"examples": [{"auto_submit": True}]})
    from_tier: Annotated[int, Field(ge=0, le=0)] | None = Field(
        default=None, description="The tier to start with; a batch has only the tier 0"
    )
    auto_submit: bool | None = Field(default=None, description="If false, the batch becomes a draft. Default true")
    trigger_processing: bool | None = Field(default=None, description="Deprecated alias of `auto_submit`")


class FailedDocumentsQuery(BaseModel):
    """The query string of a list of failed objects."""

    model_config = QUERY
    tier_num: Annotated[int, Field(ge=0)] | None = Field(default=None, description="Only this tier")
    collection_id: str | None = Field(default=None, description="No batch has a collection: the list is empty")
    limit: int = Field(default=100, ge=1, le=1000, description="Page size")
    offset: int = Field(default=0, ge=0, le=MAX_OBJECTS, description="Objects to skip")


class BulkSubmitRequest(BaseModel):
    """Which objects of a bucket to submit, and in batches of which size."""

    model_config = ConfigDict(**STRICT, json_schema_extra={"examples": [{"chunk_size": 1000}]})
    collection_ids: list[str] | None = Field(default=None, description=NOT_ENABLED)
    filters: Filters | None = Field(default=None, description="Only objects that match this filter; default all")
    chunk_size: int = Field(default=1000, ge=1, le=MAX_OBJECTS, description="Objects per batch")
    dedup_strategy: DedupStrategy | None = Field(default=None, description=STRATEGY)
    max_objects: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="The maximum number of objects; at most 50 000 in one request"
    )
