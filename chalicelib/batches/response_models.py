"""Response models of batches. OpenAPI documents them; `views.py` fills them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field
from typing_extensions import TypedDict

from chalicelib.core.statuses import TaskStatusEnum
from chalicelib.http.api_models import Timestamp
from chalicelib.listing.models import PaginationResponse
from chalicelib.tasks.response_models import GenericDeleteResponse, TaskResponse


class Progress(TypedDict):
    """The progress of a batch."""

    processed: Annotated[int, Field(description="Objects that have an outcome")]
    total: Annotated[int | None, Field(description="Objects of the batch")]
    percent: Annotated[float, Field(description="Share of objects that have an outcome")]
    items_per_second: Annotated[
        float | None, Field(description="Objects per second since the start of the run; null in a retry")
    ]
    eta_seconds: Annotated[float | None, Field(description="Estimated seconds until the end")]
    errors: Annotated[int, Field(description="Objects that failed")]
    first_error: Annotated[str | None, Field(description="Error of the first failed object; null in lists")]
    objects_skipped: Annotated[int, Field(description="Objects that were left as they are")]


class FailedObject(TypedDict):
    """An object that failed."""

    object_id: Annotated[str, Field(description="Id of the object")]
    error: Annotated[str, Field(description="Why it failed")]
    error_type: Annotated[
        str,
        Field(
            description="transient, permanent or resource",
            json_schema_extra={"enum": ["transient", "permanent", "resource"]},
        ),
    ]
    category: Annotated[str, Field(description="Category of the error, as in `error_summary`")]
    timestamp: Annotated[Timestamp, Field(description="When it failed")]


class BatchWebhook(TypedDict):
    """The notification of the end of a batch."""

    url: Annotated[str, Field(description="The URL that receives it")]
    status: Annotated[str, Field(description="waiting, pending, delivered, or failed after a day of attempts")]
    attempts: Annotated[int, Field(description="Number of attempts")]
    last_error: Annotated[str | None, Field(description="Why the last attempt failed")]
    next_attempt_at: Annotated[Timestamp | None, Field(description="When the next attempt is due")]


class BatchResponse(TypedDict):
    """A batch: a set of objects of one bucket that are processed together."""

    batch_id: Annotated[str, Field(description="Unique identifier of the batch")]
    bucket_id: Annotated[str, Field(description="The bucket of its objects")]
    namespace_id: Annotated[str | None, Field(description="The namespace of the bucket")]
    batch_name: Annotated[str | None, Field(description="Its name; not unique")]
    status: Annotated[
        TaskStatusEnum,
        Field(description="DRAFT, PENDING, IN_PROGRESS, COMPLETED, COMPLETED_WITH_ERRORS, FAILED or CANCELED"),
    ]
    lifecycle: Annotated[str | None, Field(description="accepted, queued, extracting, indexed, failed or canceled")]
    lifecycle_reason: Annotated[str | None, Field(description="Why it was canceled or stopped")]
    object_ids: Annotated[
        list[str] | None,
        Field(description="Its objects. Null if there are none or more than 1000, and in lists: see `object_count`"),
    ]
    object_count: Annotated[int, Field(description="Number of its objects")]
    sample_object_ids: Annotated[list[str], Field(description="Its first objects, at most five")]
    loaded_object_ids: Annotated[None, Field(description="Always null")]
    collection_ids: Annotated[None, Field(description="There are no collections: always null")]
    dedup_strategy: Annotated[str | None, Field(description="skip, replace or force")]
    effective_dedup_strategy: Annotated[
        str | None, Field(description="The strategy of the run, if it is another: a resubmission skips no object")
    ]
    type: Annotated[str, Field(description="Always BUCKET")]
    metadata: Annotated[dict[str, Any], Field(description="Free key-value pairs")]
    task_id: Annotated[str | None, Field(description="The task of the current run")]
    manifest_key: Annotated[str | None, Field(description="S3 key of the manifest: the ids of all objects")]
    report_key: Annotated[str | None, Field(description="S3 key of the report: the outcome of every object")]
    manifest_url: Annotated[str | None, Field(description="Download URL; only with return_presigned_urls")]
    report_url: Annotated[str | None, Field(description="Download URL; only with return_presigned_urls")]
    error: Annotated[str | None, Field(description="Why the batch was stopped")]
    failure_reason: Annotated[str | None, Field(description="Why the batch is FAILED")]
    failure_category: Annotated[str | None, Field(description="validation, infrastructure, pipeline or unknown")]
    error_summary: Annotated[dict[str, int] | None, Field(description="Number of failed objects by category")]
    failed_objects: Annotated[
        list[FailedObject] | None, Field(description="The first 100 failed objects; null in lists")
    ]
    failed_object_count: Annotated[int, Field(description="Number of failed objects")]
    skipped_object_count: Annotated[int, Field(description="Number of objects that were left as they are")]
    partial_objects: Annotated[None, Field(description="Always null")]
    partial_object_count: Annotated[None, Field(description="Always null")]
    unaccounted_object_count: Annotated[None, Field(description="Always null: every object is accounted for")]
    progress: Annotated[Progress | None, Field(description="Null before the run has started")]
    tier_tasks: Annotated[list[dict[str, Any]], Field(description="The task of the run as tier 0")]
    current_tier: Annotated[int | None, Field(description="0 once the run has started")]
    total_tiers: Annotated[int, Field(description="Always 1")]
    dag_tiers: Annotated[None, Field(description="Always null")]
    retry_count: Annotated[int, Field(description="How many times failed objects were retried")]
    max_retries: Annotated[int, Field(description="How many times an object may be retried")]
    node_death_resubmit_count: Annotated[int, Field(description="Always 0")]
    deploy_resubmit_count: Annotated[int, Field(description="Always 0")]
    max_node_death_resubmits: Annotated[int, Field(description="Always 0")]
    max_deploy_resubmits: Annotated[int, Field(description="Always 0")]
    documents_resolvable: Annotated[bool, Field(description="True once the batch has ended")]
    status_message: Annotated[str | None, Field(description="The state in words")]
    health: Annotated[
        str | None, Field(description="While it runs: healthy, or stalled after five minutes without activity")
    ]
    tolerated_failure_percentage: Annotated[float | None, Field(description="As submitted")]
    webhook_url: Annotated[str | None, Field(description="As submitted")]
    webhook: Annotated[BatchWebhook | None, Field(description="State of the notification")]
    created_at: Annotated[Timestamp | None, Field(description="When it was created")]
    updated_at: Annotated[Timestamp | None, Field(description="When it last changed")]
    started_at: Annotated[Timestamp | None, Field(description="When the current run started")]
    completed_at: Annotated[Timestamp | None, Field(description="When it ended")]
    last_activity_at: Annotated[Timestamp | None, Field(description="When an outcome was last counted")]
    estimated_completion: Annotated[Timestamp | None, Field(description="When it is expected to end")]


class ListBatchesResponse(TypedDict):
    """A page of batches."""

    results: Annotated[list[BatchResponse], Field(description="The batches of this page, newest first")]
    total_count: Annotated[int, Field(description="Number of batches that match")]
    pagination: PaginationResponse


class BatchTaskResponse(TaskResponse):
    """The task of a batch."""

    queue_position: Annotated[None, Field(description="Always null: there is no queue between batches")]
    estimated_wait_minutes: Annotated[None, Field(description="Always null")]


class RetryBatchResponse(TypedDict):
    """The result of a retry."""

    batch_id: Annotated[str, Field(description="The batch")]
    retried: Annotated[int, Field(description="Failed objects that are processed again")]
    skipped: Annotated[int, Field(description="Failed objects that are left out")]
    task_id: Annotated[str | None, Field(description="The task; null if no object is processed again")]


class ResubmitBatchResponse(TypedDict):
    """The result of a resubmission."""

    batch_id: Annotated[str, Field(description="The batch")]
    status: Annotated[TaskStatusEnum, Field(description="PENDING, or DRAFT without auto_submit")]
    task_id: Annotated[str | None, Field(description="The task; null for a draft")]


class TierAudit(TypedDict):
    """The audit of a tier. Every submitted object must have exactly one outcome."""

    tier_num: Annotated[int, Field(description="Always 0")]
    submitted: Annotated[int, Field(description="Objects of the batch")]
    processed: Annotated[int, Field(description="Objects that the hook has processed")]
    failed: Annotated[int, Field(description="Objects that failed")]
    skipped: Annotated[int, Field(description="Objects that were left as they are or not processed")]
    waiting: Annotated[int, Field(description="Objects that wait, while the batch runs")]
    lost: Annotated[int, Field(description="Objects without an outcome: always 0")]
    balanced: Annotated[bool, Field(description="Whether the sum of the others is `submitted`")]
    notes: Annotated[list[str], Field(description="Explanations")]


class BatchAuditResponse(TypedDict):
    """The audit of a batch, counted from the stored outcomes."""

    batch_id: Annotated[str, Field(description="The batch")]
    all_balanced: Annotated[bool, Field(description="Whether all tiers are balanced")]
    has_lost_objects: Annotated[bool, Field(description="Whether objects are lost")]
    tiers: Annotated[list[TierAudit], Field(description="The only tier")]


class FailedDocument(FailedObject):
    """An object that failed, in a list."""

    tier_num: Annotated[int, Field(description="Always 0")]
    retry_count: Annotated[int, Field(description="How many times it was retried")]


class FailedDocumentsResponse(TypedDict):
    """A page of failed objects."""

    batch_id: Annotated[str, Field(description="The batch")]
    results: Annotated[list[FailedDocument], Field(description="The failed objects, in the order of the batch")]
    total_count: Annotated[int, Field(description="Number of failed objects")]
    limit: Annotated[int, Field(description="The requested page size")]
    offset: Annotated[int, Field(description="How many objects were skipped")]


class BatchNotSubmitted(TypedDict):
    """A draft that was not submitted."""

    batch_id: Annotated[str, Field(description="The batch")]
    error: Annotated[str, Field(description="Why it was not submitted")]


class SubmitAllResponse(TypedDict):
    """The result of submitting all drafts of a bucket."""

    submitted: Annotated[list[str], Field(description="Batches that were submitted")]
    failed: Annotated[list[BatchNotSubmitted], Field(description="Batches that were not")]
    total: Annotated[int, Field(description="Number of drafts")]


class BulkBatch(TypedDict):
    """A batch of a bulk submission."""

    batch_id: Annotated[str, Field(description="The batch")]
    status: Annotated[TaskStatusEnum, Field(description="PENDING, or DRAFT if it was not submitted")]
    object_count: Annotated[int, Field(description="Number of its objects")]
    queue_position: Annotated[None, Field(description="Always null")]
    error: Annotated[str | None, Field(description="Why it was not submitted")]


class BulkSubmitResponse(TypedDict):
    """The result of a bulk submission."""

    batch_group_id: Annotated[str, Field(description="In the metadata of all of these batches, as `batch_group_id`")]
    total_objects: Annotated[int, Field(description="Objects that match")]
    total_batches: Annotated[int, Field(description="Number of batches that these objects need")]
    submitted: Annotated[int, Field(description="Batches that were submitted")]
    failed: Annotated[int, Field(description="Batches that were not")]
    chunk_size: Annotated[int, Field(description="Objects per batch")]
    batches: Annotated[
        list[BulkBatch], Field(description="The batches. Those that could not be stored in time are missing")
    ]


__all__ = ["GenericDeleteResponse"]
