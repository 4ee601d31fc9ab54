"""Response models of uploads. OpenAPI documents them; `views.py` fills them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field
from typing_extensions import TypedDict

from chalicelib.core.statuses import TaskStatusEnum
from chalicelib.http.api_models import Timestamp
from chalicelib.listing.models import PaginationResponse
from chalicelib.tasks.response_models import TaskResponse


class UploadResponse(TypedDict):
    """An upload."""

    upload_id: Annotated[str, Field(description="Unique identifier of the upload")]
    bucket_id: Annotated[str, Field(description="The bucket of the object")]
    filename: Annotated[str, Field(description="Name of the file")]
    content_type: Annotated[str, Field(description="The Content-Type that the client must send with the file")]
    file_size_bytes: Annotated[int | None, Field(description="Size that was found, else the declared one")]
    presigned_url: Annotated[
        str | None,
        Field(description="After the creation: the URL for a PUT of the file. Later, on request, the download URL"),
    ]
    presigned_url_expiration: Annotated[int, Field(description="How long the URL for the PUT is valid, in seconds")]
    s3_key: Annotated[str, Field(description="Key of the file in the S3 bucket of the service")]
    status: Annotated[TaskStatusEnum, Field(description="PENDING, PROCESSING, COMPLETED, FAILED or CANCELED")]
    metadata: Annotated[dict[str, Any], Field(description="Key-value pairs of the upload")]
    create_object_on_confirm: Annotated[bool, Field(description="Whether an object is created with the file")]
    object_metadata: Annotated[dict[str, Any] | None, Field(description="Fields of that object")]
    blob_property: Annotated[str | None, Field(description="The schema field of the file")]
    blob_type: Annotated[str | None, Field(description="The type of that field")]
    file_hash: Annotated[str | None, Field(description="SHA-256 of the file that was found, else the declared one")]
    skip_duplicates: Annotated[bool, Field(description="Whether an upload of the same content is used instead")]
    is_duplicate: Annotated[bool, Field(description="Whether another upload has the same content, and is used")]
    duplicate_of_upload_id: Annotated[str | None, Field(description="That upload")]
    skipped_unique_key: Annotated[
        bool, Field(description="Whether there is nothing to upload, because an object has the unique key already")
    ]
    existing_object_id: Annotated[str | None, Field(description="That object")]
    message: Annotated[str | None, Field(description="Why the upload failed, or why there is nothing to upload")]
    created_at: Annotated[Timestamp, Field(description="When the upload was created")]
    expires_at: Annotated[Timestamp, Field(description="When the URL for the PUT expires")]
    completed_at: Annotated[Timestamp | None, Field(description="When the upload was completed")]
    verified_at: Annotated[Timestamp | None, Field(description="When the file was checked")]
    etag: Annotated[str | None, Field(description="ETag of the file that was found")]
    object_id: Annotated[str | None, Field(description="The object with the file")]
    task_id: Annotated[str | None, Field(description="The task that confirms the upload")]


class BatchUploadResponse(TypedDict):
    """New uploads."""

    uploads: Annotated[list[UploadResponse], Field(description="The uploads, in the order of the request")]
    total: Annotated[int, Field(description="How many")]


class ConfirmUploadResponse(TypedDict):
    """The result of a confirmation."""

    upload_id: Annotated[str, Field(description="Unique identifier of the upload")]
    status: Annotated[TaskStatusEnum, Field(description="COMPLETED, or PROCESSING if a task confirms the upload")]
    etag: Annotated[str | None, Field(description="ETag of the file")]
    file_size_bytes: Annotated[int | None, Field(description="Size of the file in bytes")]
    file_hash: Annotated[str | None, Field(description="SHA-256 of the file")]
    verified_at: Annotated[Timestamp | None, Field(description="When the file was checked")]
    completed_at: Annotated[Timestamp | None, Field(description="When the upload was completed")]
    object_id: Annotated[str | None, Field(description="The object with the file")]
    task_id: Annotated[str | None, Field(description="The task that confirms the upload, or runs the batch")]
    batch_id: Annotated[str | None, Field(description="The batch that was submitted")]
    message: Annotated[str | None, Field(description="Why there is no new object")]


class BatchConfirmResponse(TypedDict):
    """The task that confirms several uploads."""

    task_id: Annotated[str, Field(description="The task; its outputs have the result of each upload")]
    status: Annotated[TaskStatusEnum, Field(description="The status of the task")]
    confirmations_count: Annotated[int, Field(description="Number of uploads")]
    task: Annotated[TaskResponse, Field(description="The task")]
    message: Annotated[str, Field(description="A human-readable message")]


class UploadListStats(TypedDict):
    """Sums over all matching uploads."""

    total_uploads: Annotated[int, Field(description="Number of uploads")]
    total_size_bytes: Annotated[int, Field(description="Sum of the sizes that are known")]
    uploads_by_status: Annotated[dict[str, int], Field(description="Number of uploads by status")]
    avg_file_size_bytes: Annotated[float, Field(description="Average of the sizes that are known; 0 without any")]
    unique_buckets: Annotated[int, Field(description="Number of buckets of these uploads: 0 or 1")]


class ListUploadsResponse(TypedDict):
    """A page of uploads."""

    results: Annotated[list[UploadResponse], Field(description="The uploads on this page")]
    pagination: PaginationResponse
    stats: UploadListStats
