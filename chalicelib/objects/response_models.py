"""What clients receive about objects."""

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
    """What is known of a file."""

    filename: Annotated[str | None, Field(description="Its name")]
    size_bytes: Annotated[int | None, Field(description="Its size; null for a URL kept by reference")]
    mime_type: Annotated[str | None, Field(description="What its bytes are, else what they were said to be")]
    hash: Annotated[str | None, Field(description="`algorithm:hash` of its content")]


class BlobModel(TypedDict):
    """A file of an object."""

    blob_id: Annotated[str, Field(description="Unique identifier for the blob")]
    property: Annotated[str, Field(description="The field of the schema that it fills")]
    type: Annotated[BucketSchemaFieldType, Field(description="The type of that field, in lower case")]
    key_prefix: Annotated[str | None, Field(description="Logical path")]
    properties: Annotated[dict[str, Any], Field(description="`url` is where the content is; short texts as `text`")]
    presigned_url: Annotated[str | None, Field(description="Download URL, where one was asked for; for an hour")]
    details: Annotated[BlobDetails | None, Field(description="Name, size, type and hash")]


class ObjectResponse(TypedDict):
    """An object. Its own fields stand beside these at the root."""

    __pydantic_config__ = _OPEN  # type: ignore[misc]

    object_id: Annotated[str, Field(description="Unique identifier for the object")]
    bucket_id: Annotated[str, Field(description="The bucket it is in")]
    key_prefix: Annotated[str | None, Field(description="Logical path")]
    blobs: Annotated[list[BlobModel], Field(description="The files of the object")]
    source_details: Annotated[list[dict[str, Any]], Field(description="Where it came from; empty for one created here")]
    edges: Annotated[list[dict[str, Any]] | None, Field(description="Typed links to other objects")]
    status: Annotated[TaskStatusEnum, Field(description="PENDING until a batch is done with it")]
    error: Annotated[str | None, Field(description="Why processing failed")]
    created_at: Annotated[Timestamp | None, Field(description="When it was created")]
    updated_at: Annotated[Timestamp | None, Field(description="When it last changed")]
    document_count: Annotated[int | None, Field(description="Documents made of it: 0; null on lists and writes")]


class BatchObjectResult(ObjectResponse):
    """One row of a batch that succeeded."""

    object_index: Annotated[int, Field(description="Its place in the request")]
    replayed: Annotated[bool, Field(default=False, description="Whether an earlier object is given back unchanged")]
    replayed_by: Annotated[
        Literal["idempotency_key", "skip_duplicates"] | None, Field(description="What matched that object")
    ]


class FailedObjectError(TypedDict):
    """One row of a batch that failed."""

    object_index: Annotated[int, Field(description="Its place in the request")]
    error: Annotated[str, Field(description="For people")]
    error_type: Annotated[str, Field(description="Stable name of the kind of error")]


class CreateObjectsBatchResponse(TypedDict):
    """What came of each row of a batch. The status is 422 where all rows failed, else 200."""

    succeeded: Annotated[list[BatchObjectResult], Field(description="Created, changed and replayed, in request order")]
    failed: Annotated[list[FailedObjectError], Field(description="Refused, in request order")]
    total_requested: Annotated[int, Field(description="Rows of the request")]
    succeeded_count: Annotated[int, Field(description="How many succeeded")]
    failed_count: Annotated[int, Field(description="How many failed")]


class ObjectListStats(TypedDict):
    """Statistics over this page."""

    total_objects: Annotated[int, Field(description="Objects of this page")]
    total_blobs: Annotated[int, Field(description="Their files")]
    avg_blobs_per_object: Annotated[float, Field(description="Files per object, on average")]
    objects_by_status: Annotated[dict[str, int], Field(description="How many are in which status")]


class SelectedObject(TypedDict):
    """An object, or what `select` keeps of it."""

    __pydantic_config__ = _OPEN  # type: ignore[misc]

    object_id: Annotated[str, Field(description="Unique identifier for the object")]
    bucket_id: Annotated[str, Field(description="The bucket it is in")]
    blobs: NotRequired[Annotated[list[BlobModel], Field(description="The files of the object")]]


class ListObjectsResponse(TypedDict):
    """A page of objects."""

    results: Annotated[list[SelectedObject], Field(description="The objects of this page")]
    pagination: PaginationResponse
    stats: Annotated[ObjectListStats | None, Field(description="Statistics over this page only")]


class BulkSoftDeleteResponse(TypedDict):
    """How many objects were hidden."""

    soft_deleted: Annotated[int, Field(description="Objects that were there to hide")]
    requested: Annotated[int, Field(description="Ids in the request")]
    collections: Annotated[int, Field(description="Collections touched: there are none here")]
