"""The response models of objects."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired

from pydantic import ConfigDict, Field
from typing_extensions import TypedDict

from chalicelib.core.statuses import TaskStatusEnum
from chalicelib.http.api_models import Timestamp
from chalicelib.listing.models import PaginationResponse
from chalicelib.schemas.models import BucketSchemaFieldType

_OPEN = ConfigDict(extra="allow")


class BlobDetails(TypedDict):
    """Details of a file."""

    filename: Annotated[str | None, Field(description="The filename")]
    size_bytes: Annotated[int | None, Field(description="The size in bytes; null for a URL")]
    mime_type: Annotated[str | None, Field(description="Detected from the content, else as declared")]
    hash: Annotated[str | None, Field(description="`algorithm:hash` of the content")]


class BlobModel(TypedDict):
    """A file of an object."""

    blob_id: Annotated[str, Field(description="Unique identifier for the blob")]
    property: Annotated[str, Field(description="The schema field that the file belongs to")]
    type: Annotated[BucketSchemaFieldType, Field(description="The type of that field, in lower case")]
    key_prefix: Annotated[str | None, Field(description="Logical path")]
    properties: Annotated[dict[str, Any], Field(description="`url` of the content; `text` of a short text")]
    presigned_url: Annotated[str | None, Field(description="Download URL if requested; valid for an hour")]
    details: Annotated[BlobDetails | None, Field(description="Name, size, type and hash")]


class ObjectResponse(TypedDict):
    """An object. The client's own fields are at the root too."""

    __pydantic_config__ = _OPEN  # type: ignore[misc]

    object_id: Annotated[str, Field(description="Unique identifier for the object")]
    bucket_id: Annotated[str, Field(description="The bucket of the object")]
    key_prefix: Annotated[str | None, Field(description="Logical path")]
    blobs: Annotated[list[BlobModel], Field(description="The files of the object")]
    source_details: Annotated[
        list[dict[str, Any]],
        Field(description="The bucket whose source adapter made the object, if one did: `type` and `source_id`"),
    ]
    edges: Annotated[list[dict[str, Any]] | None, Field(description="Typed links to other objects")]
    status: Annotated[TaskStatusEnum, Field(description="PENDING until the object is processed")]
    error: Annotated[str | None, Field(description="Why processing failed")]
    created_at: Annotated[Timestamp | None, Field(description="When it was created")]
    updated_at: Annotated[Timestamp | None, Field(description="When it last changed")]
    document_count: Annotated[
        int | None, Field(description="The number of documents: 0 in the response to a get request, otherwise null")
    ]


class BatchObjectResult(ObjectResponse):
    """An object of a bulk create that succeeded."""

    object_index: Annotated[int, Field(description="The position in the request, from 0")]
    replayed: Annotated[bool, Field(default=False, description="Whether this is an existing object, unchanged")]
    replayed_by: Annotated[
        Literal["idempotency_key", "skip_duplicates"] | None,
        Field(description="The parameter that matched that object"),
    ]


class FailedObjectError(TypedDict):
    """An object of a bulk create that failed."""

    object_index: Annotated[int, Field(description="The position in the request, from 0")]
    error: Annotated[str, Field(description="Human-readable message")]
    error_type: Annotated[str, Field(description="Error type, for programs")]


class CreateObjectsBatchResponse(TypedDict):
    """The result for each object of a bulk create. The status is 422 if all failed, else 200."""

    succeeded: Annotated[list[BatchObjectResult], Field(description="Created, updated and replayed, in request order")]
    failed: Annotated[list[FailedObjectError], Field(description="Not stored, in request order")]
    total_requested: Annotated[int, Field(description="Objects in the request")]
    succeeded_count: Annotated[int, Field(description="How many succeeded")]
    failed_count: Annotated[int, Field(description="How many failed")]


class ObjectListStats(TypedDict):
    """Statistics over this page."""

    total_objects: Annotated[int, Field(description="Objects on this page")]
    total_blobs: Annotated[int, Field(description="Files of these objects")]
    avg_blobs_per_object: Annotated[float, Field(description="Average number of files per object")]
    objects_by_status: Annotated[dict[str, int], Field(description="Number of objects by status")]


class SelectedObject(TypedDict):
    """An object, or the parts of it that `select` names."""

    __pydantic_config__ = _OPEN  # type: ignore[misc]

    object_id: Annotated[str, Field(description="Unique identifier for the object")]
    bucket_id: Annotated[str, Field(description="The bucket of the object")]
    blobs: NotRequired[Annotated[list[BlobModel], Field(description="The files of the object")]]


class ListObjectsResponse(TypedDict):
    """A page of objects."""

    results: Annotated[list[SelectedObject], Field(description="The objects on this page")]
    pagination: PaginationResponse
    stats: Annotated[ObjectListStats | None, Field(description="Statistics over this page only")]


class BulkSoftDeleteResponse(TypedDict):
    """The number of soft-deleted objects."""

    soft_deleted: Annotated[int, Field(description="Objects that this request soft-deleted")]
    requested: Annotated[int, Field(description="Ids in the request")]
    collections: Annotated[int, Field(description="Affected collections: always 0")]
