"""The bytes of files, in S3. No client is built before bytes move or a download URL is asked for."""

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
from chalicelib.blobs.mime_types import OCTETS, decoded
from chalicelib.core.deadline import expired
from chalicelib.core.errors import Unavailable
from chalicelib.core.storage_class import StorageClass

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

S3_STORAGE_CLASSES: Mapping[str | None, str] = {
    None: "STANDARD",
    StorageClass.STANDARD: "STANDARD",
    StorageClass.NEARLINE: "STANDARD_IA",
    StorageClass.COLDLINE: "GLACIER_IR",
    StorageClass.ARCHIVE: "GLACIER",
}
PRESIGNED_GET_SECONDS = 3600
REMOVED_AT_ONCE = 1000
# No key of ours is longer; see `deposit.blob_key`.
LONGEST_KEY = 128

# What a browser shows and never runs; anything else it is to save.
_SHOWN = ("image/", "audio/", "video/", "application/pdf", "text/plain")
_NEVER_SHOWN = frozenset({"image/svg+xml"})


class BytesNotRemoved(RuntimeError):
    """S3 refused to remove bytes for a reason that no other attempt would change."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """Bytes that the store holds."""

    key: str
    size_bytes: int
    stored_at: datetime


class BlobStore:
    """Keeps bytes under keys. Every method but `presigned_get` raises Unavailable when S3 cannot serve it."""

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
        self._pace = RetryPolicy(clock, sleep, jitter, budget_seconds)

    def connect(self) -> None:
        """Builds the client now, for threads that would each build one."""
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
        """Stores bytes in the tier that a bucket's storage class names; gives their s3:// URL.

        Begins nothing once the time that the calls of a request share has run out.
        """
        if expired(self._pace.clock()):
            raise Unavailable()
        params = {
            "Bucket": self._bucket,
            "Key": key,
            "Body": content,
            "ContentType": _content_type(mime_type or OCTETS, content),
            "ContentDisposition": content_disposition(filename, mime_type or OCTETS),
            "StorageClass": S3_STORAGE_CLASSES[storage_class],
        }
        self._call(self._client().put_object, params)
        return f"s3://{self._bucket}/{key}"

    def remove(self, keys: Iterable[str]) -> None:
        """Makes bytes absent; those that are not there are no trouble."""
        remaining = iter(keys)
        while chunk := list(islice(remaining, REMOVED_AT_ONCE)):
            self._remove(chunk)

    def presigned_get(self, blob: Blob) -> str | None:
        """A URL that whoever has it may read the blob from for an hour; no call is made.

        None for bytes that are not kept here, and for archived ones, which nobody can read as they lie.
        """
        if blob.key is None or blob.archived:
            return None
        return self._presigned(blob.key)

    def presigned_bytes(self) -> int:
        """How long such URLs are at most just now: most of one is credentials, and theirs have no set length."""
        return len(self._presigned("x" * LONGEST_KEY))

    def list_files(self, prefix: str) -> Iterator[StoredFile]:
        """What is held under keys that start so, in the order of keys; read lazily."""
        params: dict[str, Any] = {"Bucket": self._bucket, "Prefix": prefix}
        while True:
            answer = self._call(self._client().list_objects_v2, params)
            for found in answer.get("Contents", ()):
                yield StoredFile(found["Key"], found["Size"], found["LastModified"])
            if not answer.get("IsTruncated"):
                return
            params["ContinuationToken"] = answer["NextContinuationToken"]

    def _presigned(self, key: str) -> str:
        return self._client().generate_presigned_url(
            "get_object", Params={"Bucket": self._bucket, "Key": key}, ExpiresIn=PRESIGNED_GET_SECONDS
        )

    def _remove(self, keys: list[str]) -> None:
        """Removes up to a thousand, asking again for those that S3 was too busy for."""
        attempts = Attempts(self._pace, count=count_s3_request)
        while True:
            named = {"Objects": [{"Key": key} for key in keys], "Quiet": True}
            answer = attempts.call(self._client().delete_objects, {"Bucket": self._bucket, "Delete": named})
            errors = answer.get("Errors", ())
            for error in errors:
                if not is_retryable_code(error["Code"]):
                    raise BytesNotRemoved(f"{error['Key']}: {error['Code']}")
            if not errors:
                return
            keys = [error["Key"] for error in errors]
            attempts.pause()

    def _call(self, operation: Callable[..., Any], params: Mapping[str, Any]) -> Any:
        return Attempts(self._pace, count=count_s3_request).call(operation, params)


def content_disposition(filename: str | None, mime_type: str) -> str:
    """How a browser that follows a download URL is to treat the bytes, and under which name it saves them."""
    shown = mime_type.startswith(_SHOWN) and mime_type not in _NEVER_SHOWN
    how = "inline" if shown else "attachment"
    name = (filename or "").rpartition("/")[2]
    if not name:
        return how
    plain = "".join(char if char.isascii() and char.isprintable() and char not in '"\\%;' else "_" for char in name)
    return f"{how}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def _content_type(mime_type: str, content: bytes) -> str:
    """The type, and for a text in UTF-8 that it is so: browsers guess otherwise."""
    if mime_type.startswith("text/") and decoded(content) is not None:
        return f"{mime_type}; charset=utf-8"
    return mime_type
