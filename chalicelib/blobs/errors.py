"""Errors raised by the blobs package."""

from __future__ import annotations

from typing import Any

from chalicelib.core.errors import BadRequest, NotFound, Problem, RequestInvalid


class UrlInvalid(RequestInvalid):
    """The file URL is not a valid http, https or s3 URL.

    In a bulk create response, the row has the error type "URLValidationError" instead of "ValidationError".
    """

    error_type = "URLValidationError"

    def __init__(self, location: tuple[str | int, ...], message: str) -> None:
        super().__init__([Problem(location, message, "url_invalid")])


class FileUnreadable(Exception):
    """A stored file cannot be read, and a retry would not help. `reason` completes a sentence about the file."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class FileMissing(FileUnreadable):
    """The file is not in S3."""


class FileForbidden(FileUnreadable):
    """The service has no permission to read the file, or, without the permission to list, the file is missing."""


class FileChanged(FileUnreadable):
    """The file was replaced by another one since its description was read."""


class SourceNotFound(NotFound):
    """The bucket has no upload with the id in `upload_id` of a blob."""

    message = "Upload not found"

    def __init__(self, upload_id: str, where: str | None = None) -> None:
        super().__init__(details=_about_upload(upload_id, where))


class SourceNotCompleted(BadRequest):
    """The upload in `upload_id` of a blob is not completed."""

    code = "upload_not_completed"

    def __init__(self, upload_id: str, status: str, where: str | None = None) -> None:
        message = f"The upload is {status}; it can be used once it is COMPLETED"
        super().__init__(message, details={**_about_upload(upload_id, where), "status": status})


class SourceWithoutFile(BadRequest):
    """The upload in `upload_id` of a blob is completed, but was not needed and has no file."""

    message = "The upload has no file: an object with its unique key existed"
    code = "upload_without_file"

    def __init__(self, upload_id: str, where: str | None = None) -> None:
        super().__init__(details=_about_upload(upload_id, where))


class SourceRemoved(BadRequest):
    """The file of the upload in `upload_id` of a blob was removed with the last object that referred to it."""

    message = "The file of the upload was removed with the last object that referred to it; upload it again"
    code = "upload_file_removed"

    def __init__(self, upload_id: str, where: str | None = None) -> None:
        super().__init__(details=_about_upload(upload_id, where))


def _about_upload(upload_id: str, where: str | None) -> dict[str, Any]:
    field = {"field": where} if where is not None else {}
    return {"resource": "upload", "id": upload_id, **field}
