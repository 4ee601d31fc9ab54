"""Errors raised by the uploads package."""

from __future__ import annotations

from typing import Any

from chalicelib.core.errors import BadRequest, Conflict, NotFound, Problem, RequestInvalid, Unavailable


class UploadNotFound(NotFound):
    """The bucket has no upload with this id."""

    message = "Upload not found"

    def __init__(self, identifier: str) -> None:
        super().__init__(details={"resource": "upload", "id": identifier})


class UploadEnded(BadRequest):
    """The upload has failed, was canceled or has expired, so it cannot be confirmed; `code` says why."""

    message = "The upload has ended without a result"

    def __init__(self, message: str, code: str, upload_id: str) -> None:
        super().__init__(message, code=code, details={"resource": "upload", "id": upload_id})


class UploadCompleted(BadRequest):
    """The upload is completed, so it cannot be canceled."""

    message = "The upload is completed and cannot be canceled; delete its object instead"
    code = "upload_completed"

    def __init__(self, upload_id: str, object_id: str | None) -> None:
        super().__init__(details={"resource": "upload", "id": upload_id, "object_id": object_id})


class UploadProcessing(Conflict):
    """A task confirms the upload with another policy than the one in the request."""

    code = "upload_processing"

    def __init__(self, upload_id: str, task_id: str | None, policy: str) -> None:
        details = {"resource": "upload", "id": upload_id, "task_id": task_id, "policy": policy}
        super().__init__(f"A task confirms the upload with the policy {policy}", details=details)


class FileNotStored(BadRequest):
    """There is no file in the storage yet."""

    message = "No file has been stored with the URL of this upload"
    code = "upload_not_found_in_storage"

    def __init__(self, upload_id: str) -> None:
        super().__init__(details={"resource": "upload", "id": upload_id})


class EtagMismatch(BadRequest):
    """The stored file has another ETag than the one in the request."""

    message = "The stored file has another ETag"
    code = "etag_mismatch"

    def __init__(self, upload_id: str, found: str) -> None:
        super().__init__(details={"resource": "upload", "id": upload_id, "etag": found})


class SizeMismatch(BadRequest):
    """The stored file has another size than the one in the request."""

    message = "The stored file has another size"
    code = "size_mismatch"

    def __init__(self, upload_id: str, found: int) -> None:
        super().__init__(details={"resource": "upload", "id": upload_id, "file_size_bytes": found})


class UploadListTooLong(BadRequest):
    """The bucket has more uploads than one request can read."""

    message = "The bucket has too many uploads to list them with statistics in one request"
    code = "walk_too_long"


class UploadTooLarge(RequestInvalid):
    """The metadata of the upload is too large for one row, or for one response."""

    def __init__(self, max_bytes: int) -> None:
        message = f"metadata and object_metadata together are larger than {max_bytes} bytes"
        super().__init__([Problem(("body",), message, "upload_too_large")])


class UploadChanged(Unavailable):
    """The upload has changed since it was read. The service reads it again, and clients never see this error.

    It is no VersionConflict, because the write of an object takes that for a conflict about the object, and would try
    again with the same state of the upload.
    """


class FileRefused(Exception):
    """The stored file is not the one that was declared. `code` and `message` become those of the failed upload."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def relocated(error: RequestInvalid, *location: str | int) -> RequestInvalid:
    """Returns the error about a part of the body, with the location of this part instead of that of the body."""
    problems: list[Any] = [
        Problem((*location, *problem.location[1:]), problem.message, problem.type) for problem in error.problems
    ]
    return RequestInvalid(problems)
