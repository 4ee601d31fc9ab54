"""Uploads as clients receive them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from chalicelib.core.clock import parse_timestamp
from chalicelib.core.json_codec import escaped_bytes
from chalicelib.core.storage_class import StorageClass
from chalicelib.listing.search import strings_in
from chalicelib.tasks.task import NewTask, started
from chalicelib.tasks.task import show as show_task
from chalicelib.uploads.confirming import Confirmed
from chalicelib.uploads.creating import NewUpload
from chalicelib.uploads.promotion import duplicate_message
from chalicelib.uploads.upload import COMPLETED, Upload, document

if TYPE_CHECKING:
    from chalicelib.blobs.service import Blobs
    from chalicelib.buckets.bucket import Bucket
    from chalicelib.uploads.response_models import (
        BatchConfirmResponse,
        ConfirmUploadResponse,
        UploadListStats,
        UploadResponse,
    )

_FILE_REMOVED = "The file was removed with the last object that referred to it"
Sign = Callable[[Upload], str | None]


def show(upload: Upload, *, presigned_url: str | None = None) -> UploadResponse:
    """Returns an upload as clients receive it."""
    return {
        "upload_id": upload.upload_id,
        "bucket_id": upload.bucket_id,
        "filename": upload.filename,
        "content_type": upload.content_type,
        "file_size_bytes": known_bytes(upload),
        "presigned_url": presigned_url,
        "presigned_url_expiration": upload.url_seconds,
        "s3_key": upload.file_key or upload.staging_key,
        "status": upload.status,
        "metadata": dict(upload.metadata or {}),
        "create_object_on_confirm": upload.creates_object,
        "object_metadata": dict(upload.object_metadata) if upload.object_metadata is not None else None,
        "blob_property": upload.blob_property,
        "blob_type": upload.blob_type,
        "file_hash": upload.sha256 or upload.declared_sha256,
        "skip_duplicates": upload.skip_duplicates,
        "is_duplicate": upload.duplicate_of is not None,
        "duplicate_of_upload_id": upload.duplicate_of,
        "skipped_unique_key": upload.existing_object_id is not None,
        "existing_object_id": upload.existing_object_id,
        "message": _message(upload),
        "created_at": upload.created_at,
        "expires_at": upload.expires_at,
        "completed_at": upload.completed_at,
        "verified_at": upload.verified_at,
        "etag": upload.etag,
        "object_id": upload.object_id,
        "task_id": upload.task_id,
    }


def show_new(new: NewUpload) -> UploadResponse:
    """Returns the response to a request for an upload: a new one, or the one that it duplicates."""
    shown = show(new.upload, presigned_url=new.url)
    if new.is_duplicate:
        shown["is_duplicate"], shown["message"] = True, duplicate_message(new.upload)
        shown["duplicate_of_upload_id"] = new.upload.duplicate_of or new.upload.upload_id
    return shown


def show_confirmed(confirmed: Confirmed) -> ConfirmUploadResponse:
    """Returns the response to a confirmation."""
    upload = confirmed.upload
    return {
        "upload_id": upload.upload_id,
        "status": upload.status,
        "etag": upload.etag,
        "file_size_bytes": upload.size_bytes,
        "file_hash": upload.sha256 or upload.declared_sha256,
        "verified_at": upload.verified_at,
        "completed_at": upload.completed_at,
        "object_id": upload.object_id,
        "task_id": confirmed.task_id,
        "batch_id": upload.batch_id,
        "message": _message(upload),
    }


def _message(upload: Upload) -> str | None:
    return upload.message if upload.file_removed_at is None else _FILE_REMOVED


def show_batch_confirmation(new: NewTask, count: int) -> BatchConfirmResponse:
    """Returns the response to a request that confirms several uploads."""
    task = started(new, parse_timestamp(new.created_at))
    return {
        "task_id": task.task_id,
        "status": task.status,
        "confirmations_count": count,
        "task": show_task(task),
        "message": "The task confirms the uploads, and its outputs have the result of each",
    }


def download_urls(files: Blobs, bucket: Bucket) -> Sign:
    """Returns the function that signs the download URL of an upload to this bucket.

    It returns None for an upload without a file, or whose file was removed, and for an archived file, which S3 does not
    serve.
    """

    def sign(upload: Upload) -> str | None:
        if upload.status != COMPLETED or upload.file_key is None or upload.file_removed_at is not None:
            return None
        # Earlier versions have not recorded the storage class of the file, nor its MIME type.
        stored_in = upload.storage_class if upload.mime_type is not None else bucket.settings.storage_class
        if stored_in == StorageClass.ARCHIVE:
            return None
        return files.presigned_key(upload.file_key)

    return sign


def known_bytes(upload: Upload) -> int | None:
    """Returns the size of the file that was found, else the declared one; None if neither is known."""
    return upload.size_bytes if upload.size_bytes is not None else upload.declared_bytes


def texts(upload: Upload) -> Iterator[str]:
    """Yields the texts that a search reads: the filename and every string in the metadata."""
    yield upload.filename
    yield from strings_in(dict(upload.metadata or {}))


def size(upload: Upload) -> int:
    """Returns the approximate size of the response in bytes, with a URL."""
    return escaped_bytes(document(upload)) + 4_000


@dataclass
class Stats:
    """Adds up the statistics of a list."""

    by_status: Counter[str] = field(default_factory=Counter)
    total_bytes: int = 0
    sized: int = 0

    def add(self, upload: Upload) -> None:
        """Counts an upload."""
        self.by_status[upload.status.value] += 1
        if (known := known_bytes(upload)) is not None:
            self.total_bytes += known
            self.sized += 1

    def shown(self) -> UploadListStats:
        """Returns the statistics as clients receive them."""
        total = self.by_status.total()
        return {
            "total_uploads": total,
            "total_size_bytes": self.total_bytes,
            "uploads_by_status": dict(self.by_status),
            "avg_file_size_bytes": self.total_bytes / self.sized if self.sized else 0,
            "unique_buckets": min(total, 1),
        }
