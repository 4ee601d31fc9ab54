"""Stores files in S3. The S3 client is built on first use."""

from __future__ import annotations

import random
import time
from base64 import b64decode
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from chalicelib.aws.failures import FAILURES, failure_code
from chalicelib.aws.retry import Attempts, RetryPolicy, is_retryable_code
from chalicelib.aws.usage import count_s3_request
from chalicelib.blobs.blob import Blob
from chalicelib.blobs.errors import FileChanged, FileForbidden, FileMissing, FileUnreadable
from chalicelib.blobs.file_version import FileVersion, StoredFile
from chalicelib.blobs.mime_types import OCTET_STREAM, decode_text, essence
from chalicelib.core.deadline import expired
from chalicelib.core.errors import Unavailable
from chalicelib.core.storage_class import StorageClass

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from chalicelib.blobs.multipart import MultipartUpload

# The S3 storage class for each storage class of a bucket; None is a bucket without one.
S3_STORAGE_CLASSES: Mapping[str | None, str] = {
    None: "STANDARD",
    StorageClass.STANDARD: "STANDARD",
    StorageClass.NEARLINE: "STANDARD_IA",
    StorageClass.COLDLINE: "GLACIER_IR",
    StorageClass.ARCHIVE: "GLACIER",
}
PRESIGNED_GET_SECONDS = 3600
# From this size on, a file is copied with the client that waits longer. Only tasks and the function for the files that
# S3 reports copy such files; requests leave them to a task (`uploads.confirming.TASK_BYTES`).
LARGE_COPY_BYTES = 100_000_000
# The limit of S3 DeleteObjects.
DELETE_BATCH_SIZE = 1000
# The limit of S3 for the names and values of the headers that describe a file ("system-defined metadata").
MAX_METADATA_BYTES = 2048
# If a filename is shortened: the length in ASCII, and the longest extension that is kept.
_SHORT_FILENAME_CHARS = 40
_MAX_EXTENSION_BYTES = 20
# The errors that S3 reports for a file that cannot be read. The response to HeadObject has no body, and so its status
# is the code.
_UNREADABLE: Mapping[str | None, tuple[type[FileUnreadable], str]] = {
    "404": (FileMissing, "is not in the storage"),
    "NoSuchKey": (FileMissing, "is not in the storage"),
    "403": (FileForbidden, "may not be read by the service"),
    "AccessDenied": (FileForbidden, "may not be read by the service"),
    "412": (FileChanged, "was replaced while it was read"),
    "PreconditionFailed": (FileChanged, "was replaced while it was read"),
    "InvalidObjectState": (FileUnreadable, "is archived, and must be restored before it can be read"),
}
_RANGE_AFTER_END = "InvalidRange"
# The maximum length of the keys that `writer.blob_key` returns.
MAX_KEY_LENGTH = 128

# The MIME types that a browser displays without running scripts. Files of other types are downloaded.
_DISPLAYED = ("image/", "audio/", "video/", "application/pdf", "text/plain")
_NEVER_DISPLAYED = frozenset({"image/svg+xml"})


class FilesNotRemoved(RuntimeError):
    """S3 did not remove some files, and a retry would not help, for example after AccessDenied."""


class BlobStore:
    """Stores the content of files under keys in one S3 bucket.

    Every method that calls S3 raises Unavailable if S3 does not serve the call before the retries end.
    """

    def __init__(
        self,
        client: Callable[[], S3Client],
        bucket: str,
        *,
        copies: Callable[[], S3Client] | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
        budget_seconds: float = 6.0,
    ) -> None:
        self._client = client
        self._large_copies = copies or client
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
        return self.url(key)

    def url(self, key: str) -> str:
        """The s3:// URL of the file with this key."""
        return f"s3://{self._bucket}/{key}"

    def begin_multipart(
        self, key: str, *, mime_type: str, filename: str | None, storage_class: str | None
    ) -> MultipartUpload:
        """Begins to store a large file in parts, in the tier of the bucket's storage class."""
        from chalicelib.blobs.multipart import MultipartUpload

        described = _description(mime_type, mime_type, filename, storage_class)
        params = {"Bucket": self._bucket, "Key": key, **described}
        begun = self._call(self._client().create_multipart_upload, params)
        return MultipartUpload(self._client(), self._call, self._bucket, key, begun["UploadId"])

    def copy(self, key: str, to: str, *, storage_class: str | None, size_bytes: int | None = None) -> str:
        """Copies a file within S3, with its type and filename, and returns the s3:// URL of the copy.

        `size_bytes` decides how long a call may take. One that has taken longer than all retries may is not repeated.
        Raises FileUnreadable, and Unavailable without calling S3 if the time limit of the request has passed.
        """
        if expired(self._retry_policy.clock()):
            raise Unavailable()
        source = {"Bucket": self._bucket, "Key": key}
        tier = S3_STORAGE_CLASSES[storage_class]
        params = {"Bucket": self._bucket, "Key": to, "CopySource": source, "StorageClass": tier}
        self._read(self._copier(size_bytes).copy_object, params)
        return self.url(to)

    def copy_version(
        self,
        key: str,
        to: str,
        *,
        etag: str,
        sha256: str,
        mime_type: str | None,
        filename: str | None,
        storage_class: str | None,
        size_bytes: int | None = None,
    ) -> str:
        """Copies one version of a file within S3, with a new description, and returns the s3:// URL of the copy.

        `size_bytes` is as in `copy`.
        S3 computes the SHA-256 of the copy, because two files can be made that have the same ETag, which is an MD5.
        It is compared if the store returns it: S3 always does, some emulators do not.
        Raises FileChanged if the file or the copy has another hash, FileUnreadable, and Unavailable.
        """
        if expired(self._retry_policy.clock()):
            raise Unavailable()
        params = {
            "Bucket": self._bucket,
            "Key": to,
            "CopySource": {"Bucket": self._bucket, "Key": key},
            "CopySourceIfMatch": f'"{etag}"',
            "ChecksumAlgorithm": "SHA256",
            "MetadataDirective": "REPLACE",
            **_description(mime_type or OCTET_STREAM, mime_type, filename, storage_class),
        }
        copied = self._read(self._copier(size_bytes).copy_object, params)["CopyObjectResult"].get("ChecksumSHA256")
        if copied is not None and b64decode(copied).hex() != sha256:
            raise FileChanged("was replaced while it was copied")
        return self.url(to)

    def version(self, key: str) -> FileVersion:
        """What S3 says about a file. Raises FileMissing, FileForbidden."""
        found = self._read(self._client().head_object, {"Bucket": self._bucket, "Key": key})
        etag, mime_type = found["ETag"].strip('"'), found.get("ContentType", OCTET_STREAM)
        return FileVersion(found["ContentLength"], etag, mime_type, found["LastModified"])

    def read_version(self, key: str, etag: str, offset: int, size: int) -> bytes:
        """Does the same as `read` for a file with this ETag.

        Raises FileChanged for another ETag, FileUnreadable, and Unavailable, also after the time limit of a request.
        """
        if expired(self._retry_policy.clock()):
            raise Unavailable()
        params = {"Bucket": self._bucket, "Key": key, "Range": f"bytes={offset}-{offset + size - 1}"}
        return self._read(self._content, {**params, "IfMatch": f'"{etag}"'}) or b""

    def presigned_put(self, key: str, *, content_type: str, size_bytes: int | None, seconds: int) -> str:
        """A presigned URL that stores a file with this MIME type and, if given, this length. Makes no call to S3.

        Type and length are signed headers, so S3 refuses any other request.
        """
        params: dict[str, Any] = {"Bucket": self._bucket, "Key": key, "ContentType": content_type}
        if size_bytes is not None:
            params["ContentLength"] = size_bytes
        return self._client().generate_presigned_url("put_object", Params=params, ExpiresIn=seconds)

    def check_exists(self, key: str) -> None:
        """Raises FileMissing, or FileForbidden, if the file cannot be found."""
        self._read(self._client().head_object, {"Bucket": self._bucket, "Key": key})

    def read(self, key: str, offset: int, size: int) -> bytes:
        """Up to `size` bytes of a file from `offset` on; empty after its end. Raises FileUnreadable."""
        params = {"Bucket": self._bucket, "Key": key, "Range": f"bytes={offset}-{offset + size - 1}"}
        return self._read(self._content, params) or b""

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

    def presigned_key(self, key: str) -> str:
        """A presigned download URL of a file that the service wrote for clients, valid for an hour. Makes no call."""
        return self._presigned(key)

    def presigned_bytes(self) -> int:
        """The maximum length of a download URL in bytes with the current credentials, whose session token varies."""
        return len(self._presigned("x" * MAX_KEY_LENGTH))

    def list_files(self, prefix: str, *, after: str = "") -> Iterator[StoredFile]:
        """The files whose keys start with a prefix and sort after `after`, in the order of keys.

        Reads a page of keys at a time.
        """
        params: dict[str, Any] = {"Bucket": self._bucket, "Prefix": prefix}
        if after:
            params["StartAfter"] = after
        while True:
            response = self._call(self._client().list_objects_v2, params)
            for found in response.get("Contents", ()):
                yield StoredFile(found["Key"], found["Size"], found["LastModified"])
            if not response.get("IsTruncated"):
                return
            params["ContinuationToken"] = response["NextContinuationToken"]

    def _copier(self, size_bytes: int | None) -> S3Client:
        is_large = size_bytes is not None and size_bytes >= LARGE_COPY_BYTES
        return self._large_copies() if is_large else self._client()

    def _read(self, operation: Callable[..., Any], params: Mapping[str, Any]) -> Any:
        """The result of reading a file; None for a range after its end. Raises FileUnreadable."""
        try:
            return self._call(operation, params)
        except FAILURES as error:
            code = failure_code(error)
            if code == _RANGE_AFTER_END:
                return None
            if code not in _UNREADABLE:
                raise
            kind, reason = _UNREADABLE[code]
            raise kind(reason) from error

    def _content(self, **params: Any) -> bytes:
        return self._client().get_object(**params)["Body"].read()

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
    return _description(content_type, mime_type, filename, storage_class)


def _description(
    content_type: str, mime_type: str | None, filename: str | None, storage_class: str | None
) -> dict[str, str]:
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
