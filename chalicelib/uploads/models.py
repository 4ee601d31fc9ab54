"""The request models of uploads."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, create_model

from chalicelib.core.text import PRINTABLE, printable
from chalicelib.listing.models import PageBody, PageQuery, Sort
from chalicelib.schemas.models import BucketSchemaFieldType
from chalicelib.schemas.unique_key import Policy
from chalicelib.uploads.upload import DEFAULT_URL_SECONDS, MAX_FILE_BYTES

STRICT = ConfigDict(strict=True, extra="forbid", defer_build=True)
MAX_UPLOADS = 100

_CREATE: dict[str, Any] = {
    "filename": "metropolis.png",
    "content_type": "image/png",
    "file_size_bytes": 7340032,
    "object_metadata": {"film_id": "tt0017136", "title": "Metropolis"},
}
_LIST: dict[str, Any] = {"filters": {"status": "COMPLETED"}, "sort": {"field": "created_at", "direction": "desc"}}
Filename = Annotated[
    str,
    Field(min_length=1, max_length=255, json_schema_extra={"pattern": PRINTABLE}),
    AfterValidator(printable),
]


class CreateUploadRequest(BaseModel):
    """A file that is going to be stored with a presigned URL."""

    model_config = ConfigDict(**STRICT, json_schema_extra={"examples": [_CREATE]})
    filename: Filename = Field(description=r"Name of the file, without `../` and `\`")
    content_type: str = Field(
        min_length=1,
        max_length=255,
        description="MIME type. The client must send the same text as Content-Type; S3 refuses any other",
    )
    file_size_bytes: int | None = Field(
        default=None,
        ge=1,
        le=MAX_FILE_BYTES,
        description="Size in bytes, at most 5 GiB. If it is given, S3 refuses a file of any other size",
    )
    presigned_url_expiration: int | None = Field(
        default=DEFAULT_URL_SECONDS, ge=60, le=86400, description="How long the URL is valid, in seconds"
    )
    metadata: dict[str, Any] | None = Field(
        default=None, description="Any key-value pairs for the upload itself, which lists can filter by"
    )
    create_object_on_confirm: bool | None = Field(
        default=True, description="Whether an object is created with the file; null means true"
    )
    object_metadata: dict[str, Any] | None = Field(default=None, description="Fields of that object")
    blob_property: str | None = Field(
        default=None,
        max_length=100,
        pattern=r"^[a-zA-Z0-9_]+$",
        description="The schema field of the file. Default: the only file field, else the filename without extension",
    )
    blob_type: BucketSchemaFieldType | None = Field(
        default=None, description="The type of that field, in any letter case. Default: according to the schema"
    )
    file_hash: str | None = Field(
        default=None,
        pattern=r"^[a-f0-9]{64}$",
        description="SHA-256 of the file in lower-case hex. A file with another hash makes the upload fail",
    )
    skip_duplicates: bool | None = Field(
        default=True,
        description=(
            "Whether a completed upload of the same content is returned instead, if this upload creates an object; null"
            " means true"
        ),
    )


class BatchUploadRequest(BaseModel):
    """Up to 100 files. If one is invalid, no upload is created."""

    model_config = ConfigDict(**STRICT, json_schema_extra={"examples": [{"uploads": [_CREATE]}]})
    uploads: list[CreateUploadRequest] = Field(min_length=1, max_length=MAX_UPLOADS, description="The files")
    shared_metadata: dict[str, Any] | None = Field(default=None, description="Defaults for the keys of each `metadata`")
    shared_object_metadata: dict[str, Any] | None = Field(
        default=None, description="Defaults for the keys of each `object_metadata`"
    )


class ConfirmUploadRequest(BaseModel):
    """What the client knows about the file that it has stored. Everything is optional."""

    model_config = ConfigDict(**STRICT, json_schema_extra={"examples": [{"auto_submit_batch": True}]})
    etag: str | None = Field(
        default=None, max_length=255, description="The ETag in the response of S3, with or without quotation marks"
    )
    file_size_bytes: int | None = Field(default=None, ge=1, description="The size of the file in bytes")
    auto_submit_batch: bool | None = Field(
        default=False, description="Whether a batch with the new object is created and submitted"
    )


class _PolicyQuery(BaseModel):
    """The policy in the query string of a confirmation."""

    model_config = ConfigDict(extra="forbid", defer_build=True)
    policy: Policy | None = Field(
        default=None,
        description=(
            "How a bucket with a unique key handles the object: insert (409 if the key exists), update (404 if it"
            " does not) or upsert. Defaults to the bucket's default_policy; without either, 400"
        ),
    )


# `async` is a keyword of Python, so a class cannot declare the field.
_ASYNC: Any = (bool, Field(default=False, description="Whether to confirm in a background task"))
ConfirmUploadQuery = create_model("ConfirmUploadQuery", __base__=_PolicyQuery, **{"async": _ASYNC})


class GetUploadQuery(BaseModel):
    """The query string of a get request."""

    model_config = ConfigDict(extra="forbid", defer_build=True)
    return_presigned_urls: bool = Field(
        default=False, description="Return a download URL of the file, if the upload is completed"
    )


class DeleteUploadQuery(BaseModel):
    """The query string of a delete request."""

    model_config = ConfigDict(extra="forbid", defer_build=True)
    delete_s3_object: bool = Field(
        default=True, description="Whether to remove a stored file at once, and not by the lifecycle rule after days"
    )


class ListUploadsRequest(PageBody):
    """The filter, order and page of a list of uploads."""

    model_config = ConfigDict(**STRICT, json_schema_extra={"examples": [_LIST]})
    limit: int | None = Field(default=None, ge=1, le=100, description="Page size")
    filters: dict[str, Any] | None = Field(default=None, description="Filter tree or shorthand, on any field")
    sort: Sort | None = Field(default=None, description="`{field, direction}`; defaults to newest first")
    search: str | None = Field(default=None, description="Wildcard search in the filename and the texts of metadata")
    return_presigned_urls: bool | None = Field(
        default=False, description="Return download URLs of the files of completed uploads"
    )


class ListUploadsQuery(PageQuery):
    """The query string of a list request."""


class UploadConfirmation(BaseModel):
    """What the client knows about one of several files that it has stored."""

    model_config = STRICT
    upload_id: str = Field(min_length=1, max_length=64, description="The upload")
    etag: str | None = Field(
        default=None, max_length=255, description="The ETag in the response of S3, with or without quotation marks"
    )
    file_size_bytes: int | None = Field(default=None, ge=1, description="The size of the file in bytes")


class BatchConfirmRequest(BaseModel):
    """Up to 100 uploads that a task confirms."""

    model_config = ConfigDict(
        **STRICT, json_schema_extra={"examples": [{"confirmations": [{"upload_id": "upl_01kdvdna3b94xdng"}]}]}
    )
    confirmations: list[UploadConfirmation] = Field(min_length=1, max_length=MAX_UPLOADS, description="The uploads")


class BatchConfirmQuery(_PolicyQuery):
    """The query string of a request that confirms several uploads."""
