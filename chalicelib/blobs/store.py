"""Stores files in S3. The S3 client is built on first use."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from chalicelib.aws.retry import Attempts, RetryPolicy, is_retryable_code
from chalicelib.aws.usage import count_s3_request
from chalicelib.blobs.blob import Blob
from chalicelib.blobs.mime_types import OCTET_STREAM, decode_text, essence
from chalicelib.core.deadline import expired
from chalicelib.core.errors import Unavailable
from chalicelib.core.storage_class import StorageClass

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# The S3 storage class for each storage class of a bucket; None is a bucket without one.
S3_STORAGE_CLASSES: Mapping[str | None, str] = {
    None: "STANDARD",
    StorageClass.STANDARD: "STANDARD",
    StorageClass.NEARLINE: "STANDARD_IA",
    StorageClass.COLDLINE: "GLACIER_IR",
    StorageClass.ARCHIVE: "GLACIER",
}
PRESIGNED_GET_SECONDS = 3600
# The limit of S3 DeleteObjects.
DELETE_BATCH_SIZE = 1000
# The limit of S3 for the names and values of the headers that describe a file ("system-defined metadata").
MAX_METADATA_BYTES = 2048
# If a filename is shortened: the length in ASCII, and the longest extension that is kept.
_SHORT_FILENAME_CHARS = 40
_MAX_EXTENSION_BYTES = 20
# The maximum length of the keys that `writer.blob_key` returns.
MAX_KEY_LENGTH = 128

# The MIME types that a browser displays without running scripts. Files of other types are downloaded.
_DISPLAYED = ("image/", "audio/", "video/", "application/pdf", "text/plain")
_NEVER_DISPLAYED = frozenset({"image/svg+xml"})


class FilesNotRemoved(RuntimeError):
    """S3 did not remove some files, and a retry would not help, for example after AccessDenied."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file in the store."""

    key: str
    size_bytes: int
    stored_at: datetime


class BlobStore:
    """Stores the content of files under keys in one S3 bucket.

    Every method that calls S3 raises Unavailable if S3 does not serve the call before the retries end.
    """

    def __init__(
        self,
        client: Callable[[], S3Client],
        bucket: str,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
        budget_seconds: float = 6.0,
    ) -> None:
        self._client = client
        self._bucket = bucket
        self._retry_policy = RetryPolicy(clock, sleep, jitter, budget_seconds)

    def connect(self) -> None:
        """Builds the S3 client. Call it before several threads use the store, so that they share one client."""
        self._client()

    def put(
        self,
        key: str,
        content: bytes,
        *,
        mime_type: str | None,
        filename: str | None,
        storage_class: str | None,
    ) -> str:
        """Stores a file in the tier of the bucket's storage class. Returns its s3:// URL.

        Raises Unavailable without calling S3 if the time limit of the request has passed.
        """
        if expired(self._retry_policy.clock()):
            raise Unavailable()
        described = description(content, mime_type=mime_type, filename=filename, storage_class=storage_class)
        self._call(self._client().put_object, {"Bucket": self._bucket, "Key": key, "Body": content, **described})
        return f"s3://{self._bucket}/{key}"

    def remove(self, keys: Iterable[str]) -> None:
        """Removes files; keys that do not exist are ignored. Raises FilesNotRemoved."""
        remaining = iter(keys)
        while chunk := list(islice(remaining, DELETE_BATCH_SIZE)):
            self._remove(chunk)

    def presigned_get(self, blob: Blob) -> str | None:
        """A presigned download URL that is valid for an hour. Makes no call to S3.

        None for a file that is kept by reference, and for an archived one, which S3 does not serve.
        """
        if blob.key is None or blob.archived:
            return None
        return self._presigned(blob.key)

    def presigned_bytes(self) -> int:
        """The maximum length of a download URL in bytes with the current credentials, whose session token varies."""
        return len(self._presigned("x" * MAX_KEY_LENGTH))

    def list_files(self, prefix: str) -> Iterator[StoredFile]:
        """The files whose keys start with a prefix, in the order of keys. Reads a page of keys at a time."""
        params: dict[str, Any] = {"Bucket": self._bucket, "Prefix": prefix}
        while True:
            response = self._call(self._client().list_objects_v2, params)
            for found in response.get("Contents", ()):
                yield StoredFile(found["Key"], found["Size"], found["LastModified"])
            if not response.get("IsTruncated"):
                return
            params["ContinuationToken"] = response["NextContinuationToken"]

    def _presigned(self, key: str) -> str:
        return self._client().generate_presigned_url(
            "get_object", Params={"Bucket": self._bucket, "Key": key}, ExpiresIn=PRESIGNED_GET_SECONDS
        )

    def _remove(self, keys: list[str]) -> None:
        """Removes up to `DELETE_BATCH_SIZE` files, and retries those that fail with a temporary error."""
        attempts = Attempts(self._retry_policy, count=count_s3_request)
        while True:
            objects = {"Objects": [{"Key": key} for key in keys], "Quiet": True}
            response = attempts.call(self._client().delete_objects, {"Bucket": self._bucket, "Delete": objects})
            errors = response.get("Errors", ())
            for error in errors:
                if not is_retryable_code(error["Code"]):
                    raise FilesNotRemoved(f"{error['Key']}: {error['Code']}")
            if not errors:
                return
            keys = [error["Key"] for error in errors]
            attempts.pause()

    def _call(self, operation: Callable[..., Any], params: Mapping[str, Any]) -> Any:
        return Attempts(self._retry_policy, count=count_s3_request).call(operation, params)


def description(
    content: bytes, *, mime_type: str | None, filename: str | None, storage_class: str | None
) -> dict[str, str]:
    """The parameters of PutObject that describe a file. As headers, they have at most `MAX_METADATA_BYTES` bytes."""
    content_type = _content_type(mime_type or OCTET_STREAM, content)
    s3_storage_class = S3_STORAGE_CLASSES[storage_class]
    others = f"Content-Type{content_type}x-amz-storage-class{s3_storage_class}Content-Disposition"
    disposition = content_disposition(filename, mime_type or OCTET_STREAM, max_bytes=MAX_METADATA_BYTES - len(others))
    return {"ContentType": content_type, "ContentDisposition": disposition, "StorageClass": s3_storage_class}


def content_disposition(filename: str | None, mime_type: str, *, max_bytes: int = MAX_METADATA_BYTES) -> str:
    """The Content-Disposition header (RFC 6266): whether a browser displays or saves the file, and its name.

    The name is given twice: `filename` is in ASCII for old clients, `filename*` in UTF-8. If both do not fit into
    `max_bytes`, `filename` is shortened, and `filename*` only if that is not enough. Both keep the extension.
    """
    is_displayed = mime_type.startswith(_DISPLAYED) and essence(mime_type) not in _NEVER_DISPLAYED
    disposition = "inline" if is_displayed else "attachment"
    name = (filename or "").rpartition("/")[2]
    if not name:
        return disposition
    plain, encoded = _in_ascii(name), quote(name, safe="")
    free_bytes = max_bytes - len(_disposition_header(disposition, "", ""))
    if len(plain) + len(encoded) > free_bytes:
        plain = _shorten_filename(plain, max(free_bytes - len(encoded), _SHORT_FILENAME_CHARS))
        encoded = quote(_shorten_filename(name, free_bytes - len(plain)), safe="")
    return _disposition_header(disposition, plain, encoded)


def _disposition_header(disposition: str, plain: str, encoded: str) -> str:
    return f"{disposition}; filename=\"{plain}\"; filename*=UTF-8''{encoded}"


def _in_ascii(name: str) -> str:
    return "".join(char if char.isascii() and char.isprintable() and char not in '"\\%;' else "_" for char in name)


def _shorten_filename(name: str, max_bytes: int) -> str:
    """The name with characters removed before its extension until it has at most `max_bytes` bytes percent-encoded."""
    stem, dot, extension = name.rpartition(".")
    if not stem or len(quote(extension, safe="")) > _MAX_EXTENSION_BYTES:
        stem, dot, extension = name, "", ""
    remaining = max_bytes - len(quote(dot + extension, safe=""))
    kept = []
    for char in stem:
        remaining -= len(quote(char, safe=""))
        if remaining < 0:
            break
        kept.append(char)
    return "".join(kept) + dot + extension


def _content_type(mime_type: str, content: bytes) -> str:
    """The Content-Type header. A text in UTF-8 gets the charset if none was declared, so that browsers do not guess."""
    if mime_type.startswith("text/") and "; charset=" not in mime_type and decode_text(content) is not None:
        return f"{mime_type}; charset=utf-8"
    return mime_type
