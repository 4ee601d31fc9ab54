"""Checks what a client declares about a file before it gets a URL. Uses neither the store nor a clock."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chalicelib.blobs.content import NewBlob, file_type
from chalicelib.blobs.mime_types import accepted_types, is_accepted, is_generic, read_mime_type
from chalicelib.buckets.bucket import Bucket
from chalicelib.core.errors import RequestInvalid, invalid
from chalicelib.objects.identity import id_of_idempotency_key, id_of_unique_key
from chalicelib.objects.new_object import NewObject, complete_values, new_from_upload
from chalicelib.schemas.values import FILE_TYPES
from chalicelib.uploads.errors import relocated

if TYPE_CHECKING:
    from chalicelib.uploads.models import CreateUploadRequest
    from chalicelib.uploads.upload import Upload

Location = tuple[str | int, ...]
_PROPERTY = re.compile(r"[a-zA-Z0-9_]{1,100}")
# botocore does not sign this type, because old clients send it by default.
_NEVER_SIGNED = "application/x-www-form-urlencoded"
# The MIME types of each type of field, in the order in which they are tried. `text` is last, because its types include
# some of `excel`.
_TYPES_BY_MIME_TYPE = ("image", "video", "audio", "pdf", "excel", "text")


@dataclass(frozen=True, slots=True)
class Declaration:
    """A file as its client has declared it. `object_id` is that of the object with the unique key, if it has one."""

    filename: str
    content_type: str
    blob_property: str | None
    blob_type: str | None
    metadata: Mapping[str, Any]
    object_metadata: Mapping[str, Any] | None
    creates_object: bool
    skip_duplicates: bool
    object_id: str | None = None


def read_declaration(
    request: CreateUploadRequest,
    bucket: Bucket,
    location: Location = ("body",),
    *,
    shared: Mapping[str, Any] | None = None,
    shared_object: Mapping[str, Any] | None = None,
) -> Declaration:
    """The file in a request, checked against the schema of the bucket.

    `shared` and `shared_object` are defaults for metadata. Raises RequestInvalid, whose locations start with
    `location`.
    """
    _check_filename(request.filename, location)
    _check_content_type(request.content_type, location)
    creates_object = request.create_object_on_confirm is not False
    fields = {**(shared_object or {}), **(request.object_metadata or {})}
    property_, type_ = request.blob_property, str(request.blob_type) if request.blob_type else None
    object_id = None
    if creates_object:
        property_ = property_ or _default_property(request.filename, bucket, location)
        type_ = _field_type(request, property_, bucket, location)
        object_id = _check_object(fields, property_, type_, bucket, location)
    elif type_ is None:
        type_ = next((each for each in _TYPES_BY_MIME_TYPE if is_accepted(request.content_type, each)), None)
    return Declaration(
        filename=request.filename,
        content_type=request.content_type,
        blob_property=property_,
        blob_type=type_,
        metadata={**(shared or {}), **(request.metadata or {})},
        object_metadata=fields if fields or request.object_metadata is not None else None,
        creates_object=creates_object,
        skip_duplicates=request.skip_duplicates is not False,
        object_id=object_id,
    )


def new_object(upload: Upload, blob: NewBlob, bucket: Bucket) -> NewObject:
    """The object of an upload. It has the unique key of the bucket, or is identified by the upload.

    Raises RequestInvalid if the schema has changed so that fields or file do not conform to it.
    """
    if file_type(blob.property, bucket.schema, ("body", "blobs", 0)) != blob.type:
        message = f"{blob.property!r} is no longer of type {blob.type} in the bucket's schema"
        raise invalid("body", "blobs", 0, "type", message=message, type="type_mismatch")
    key = None if bucket.settings.unique_key else idempotency_key(upload.upload_id)
    return new_from_upload(upload.object_metadata or {}, blob, bucket, idempotency_key=key)


def idempotency_key(upload_id: str) -> str:
    """The idempotency key of the object of an upload, in a bucket without a unique key."""
    return f"upload:{upload_id}"


def own_object_id(bucket_id: str, upload_id: str) -> str:
    """The id of the object of an upload, in a bucket without a unique key."""
    return id_of_idempotency_key(bucket_id, idempotency_key(upload_id))


def _check_filename(filename: str, location: Location) -> None:
    if "../" in filename or "\\" in filename or filename in (".", ".."):
        message = r"A filename has no path: it must not contain ../ or \ "
        raise invalid(*location, "filename", message=message.strip(), type="filename_invalid")


def _check_content_type(content_type: str, location: Location) -> None:
    """Raises RequestInvalid unless this is a MIME type that can be sent, and signed, in a header as it is."""
    is_header = content_type.isascii() and content_type.isprintable() and content_type == content_type.strip()
    if not is_header or read_mime_type(content_type) is None:
        raise invalid(*location, "content_type", message="This is not a MIME type", type="mime_type_invalid")
    if content_type.lower().startswith(_NEVER_SIGNED):
        message = "Forms cannot be uploaded as files"
        raise invalid(*location, "content_type", message=message, type="mime_type_invalid")


def _default_property(filename: str, bucket: Bucket, location: Location) -> str:
    """The only file field of the schema, else the filename without extension. Raises RequestInvalid."""
    file_fields: list[str] = [
        name for name, field in bucket.schema["properties"].items() if field["type"] in FILE_TYPES
    ]
    if len(file_fields) == 1:
        return file_fields[0]
    stem = filename.rpartition("/")[2].rpartition(".")[0] or filename
    if not _PROPERTY.fullmatch(stem):
        message = f"The schema has {len(file_fields)} file fields: name the one for this file"
        raise invalid(*location, "blob_property", message=message, type="missing")
    return stem


def _field_type(request: CreateUploadRequest, property_: str, bucket: Bucket, location: Location) -> str:
    """The type of the schema field, which accepts the declared types. Raises RequestInvalid."""
    try:
        type_: str = file_type(property_, bucket.schema, ())
    except RequestInvalid as error:
        raise invalid(
            *location, "blob_property", message=error.problems[0].message, type=error.problems[0].type
        ) from None
    if request.blob_type is not None and request.blob_type != type_:
        message = f"{property_!r} is of type {type_} in the bucket's schema, not {request.blob_type!s}"
        raise invalid(*location, "blob_type", message=message, type="type_mismatch")
    if not is_generic(request.content_type) and not is_accepted(request.content_type, type_):
        message = f"A field of type {type_} takes {accepted_types(type_)}, not {request.content_type}"
        raise invalid(*location, "content_type", message=message, type="content_type_mismatch")
    return str(type_)


def _check_object(
    fields: Mapping[str, Any], property_: str, type_: str, bucket: Bucket, location: Location
) -> str | None:
    """Checks the object that will have the file. Returns its id if the bucket has a unique key."""
    try:
        new = new_from_upload(fields, NewBlob(property=property_, type=type_), bucket, idempotency_key=None)
        _check_values(new, bucket)
    except RequestInvalid as error:
        raise relocated(error, *location, "object_metadata") from error
    return id_of_unique_key(bucket.bucket_id, new.unique_key) if new.unique_key else None


def _check_values(new: NewObject, bucket: Bucket) -> None:
    """Raises RequestInvalid for fields that do not conform to the schema.

    With a unique key, required fields may be absent: the upload may update an object that has them.
    """
    try:
        complete_values(new, bucket)
    except RequestInvalid as error:
        if not new.unique_key or any(problem.type != "missing" for problem in error.problems):
            raise
