"""The files that clients have stored: their keys and URLs, and reading one of them with bounded memory."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from chalicelib.blobs.file_version import FileVersion
from chalicelib.blobs.service import Blobs
from chalicelib.uploads.upload import PREFIX, STAGING, Upload

# The limit of the official clients for a URL. It contains the session token of the credentials, whose length varies.
MAX_URL_CHARS = 2083
MAX_NAME_CHARS = 64
CHUNK_BYTES = 8_000_000
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_MAX_EXTENSION_CHARS = 16
_KEY = re.compile(rf"{STAGING}/({PREFIX}_[a-z0-9]{{1,60}})/[A-Za-z0-9._-]{{1,{MAX_NAME_CHARS}}}")


class UrlTooLong(RuntimeError):
    """Even the shortest URL is too long, because the session token of the credentials is."""


@dataclass(frozen=True, slots=True)
class StagedUrl:
    """The key of a file that is going to be stored, and the URL for the PUT."""

    key: str
    url: str


@dataclass(frozen=True, slots=True)
class FileContent:
    """What was read of a file: its SHA-256 in hex, and its first bytes, which are all if `is_whole`."""

    sha256: str
    start: bytes
    is_whole: bool


def sign(files: Blobs, upload_id: str, filename: str, content_type: str, size: int | None, seconds: int) -> StagedUrl:
    """Returns a new key and a URL of at most `MAX_URL_CHARS`. Makes no call to S3. Raises UrlTooLong.

    The key contains as much of the filename as fits. Only the row has all of it.
    """
    chars = MAX_NAME_CHARS
    while chars > 0:
        key = f"{STAGING}/{upload_id}/{short_name(filename, chars)}"
        url = files.presigned_put(key, content_type=content_type, size_bytes=size, seconds=seconds)
        if len(url) <= MAX_URL_CHARS:
            return StagedUrl(key, url)
        chars = len(key.rpartition("/")[2]) - (len(url) - MAX_URL_CHARS)
    raise UrlTooLong(f"the session token of the credentials makes URLs longer than {MAX_URL_CHARS} characters")


def short_name(filename: str, max_chars: int) -> str:
    """Returns a name of at most `max_chars` characters that URLs do not escape, with the extension if it fits."""
    name = _UNSAFE.sub("_", filename.rpartition("/")[2]).strip(".") or "file"
    stem, dot, extension = name.rpartition(".")
    if not stem or len(extension) > _MAX_EXTENSION_CHARS or len(extension) + 2 > max_chars:
        return name[:max_chars].rstrip(".") or "f"
    return stem[: max_chars - len(extension) - 1] + dot + extension


def upload_id_of(key: str) -> str | None:
    """Returns the id of the upload that a staged file belongs to, or None for another key."""
    found = _KEY.fullmatch(key)
    return found.group(1) if found else None


def read_file(files: Blobs, upload: Upload, version: FileVersion) -> FileContent:
    """Reads a staged file in chunks, of which at most two are in memory.

    Raises FileChanged if it was replaced since, FileMissing, and Unavailable.
    """
    digest, start = hashlib.sha256(), b""
    for offset in range(0, version.size_bytes, CHUNK_BYTES):
        chunk = files.read_version(upload.staging_key, version.etag, offset, CHUNK_BYTES)
        digest.update(chunk)
        start = start or chunk
    return FileContent(digest.hexdigest(), start, is_whole=version.size_bytes <= CHUNK_BYTES)
