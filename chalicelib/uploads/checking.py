"""Compares a stored file with what its client has declared."""

from __future__ import annotations

from datetime import datetime

from chalicelib.blobs.content import mime_type_of_file, whole_characters
from chalicelib.blobs.file_version import FileVersion
from chalicelib.blobs.mime_types import TEXT, essence, is_misplaced_text, sniff
from chalicelib.core.clock import parse_timestamp
from chalicelib.core.errors import RequestInvalid
from chalicelib.uploads.errors import EtagMismatch, FileRefused, SizeMismatch
from chalicelib.uploads.staging import FileContent
from chalicelib.uploads.upload import EXPIRED, MAX_FILE_BYTES, Upload, is_expired


def check_named(upload_id: str, etag: str | None, size_bytes: int | None, found: FileVersion | Upload) -> None:
    """Raises EtagMismatch or SizeMismatch if a file has another ETag or size than those that a confirmation names.

    A completed upload says which file was found. Without a file, there is nothing to compare.
    """
    if found.etag is None or found.size_bytes is None:
        return
    if etag is not None and etag.strip('"') != found.etag:
        raise EtagMismatch(upload_id, found.etag)
    if size_bytes not in (None, found.size_bytes):
        raise SizeMismatch(upload_id, found.size_bytes)


def check_version(upload: Upload, found: FileVersion, now: datetime) -> None:
    """Raises FileRefused if a file is late, or has another size or type than the declared one.

    Both the clock of this machine and that of S3 must say so, which may differ.
    """
    if is_expired(upload, now) and found.stored_at >= parse_timestamp(upload.expires_at):
        raise FileRefused(EXPIRED, "The file was stored after the URL had expired")
    size, declared = found.size_bytes, upload.declared_bytes
    if declared is not None and size != declared:
        raise FileRefused("size_mismatch", f"The file has {size} bytes, and {declared} were declared")
    if size == 0:
        raise FileRefused("file_empty", "The file is empty")
    if size > MAX_FILE_BYTES:
        raise FileRefused("size_mismatch", f"The file has {size} bytes, and at most {MAX_FILE_BYTES} are allowed")
    if essence(found.content_type) != essence(upload.content_type):
        message = f"The file was stored as {found.content_type}, and {upload.content_type} was declared"
        raise FileRefused("content_type_mismatch", message)


def check_content(upload: Upload, found: FileContent) -> str:
    """Returns the MIME type of a file. Raises FileRefused for another hash, or a type that its field refuses."""
    if upload.declared_sha256 not in (None, found.sha256):
        message = f"The file has the SHA-256 {found.sha256}, and {upload.declared_sha256} was declared"
        raise FileRefused("hash_mismatch", message)
    if not upload.creates_object:
        return _shown_type(upload, found)
    try:
        return mime_type_of_file(
            found.start,
            is_whole=found.is_whole,
            declared=upload.content_type,
            filename=upload.filename,
            type_=str(upload.blob_type),
        )
    except RequestInvalid as error:
        raise FileRefused("content_type_mismatch", error.problems[0].message) from error


def _shown_type(upload: Upload, found: FileContent) -> str:
    """Returns the MIME type that the first bytes of a file show, else the declared one. No field refuses the file yet.

    A later object that uses the file compares this type with its field.
    """
    type_, start = upload.blob_type or "", found.start if found.is_whole else whole_characters(found.start)
    shown = sniff(start, type_)
    if shown is None and is_misplaced_text(start, type_, upload.content_type):
        shown = TEXT
    return shown if shown is not None and shown != essence(upload.content_type) else upload.content_type
