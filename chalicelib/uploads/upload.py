"""An upload: a file that a client stores in S3 with a presigned URL, and its row.

The client writes to a staging key, which no object ever refers to. The service checks the file there and copies it, so
the URL cannot change an object.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from chalicelib import keys
from chalicelib.core.clock import format_timestamp, parse_timestamp
from chalicelib.core.json_codec import bounded, to_json
from chalicelib.core.statuses import TaskStatusEnum
from chalicelib.uploads.errors import UploadTooLarge

if TYPE_CHECKING:
    from chalicelib.schemas.unique_key import Policy

PREFIX = "upl"
# The first part of the keys of files that have not been checked. The lifecycle rule of the bucket removes them.
STAGING = "u"
PENDING = TaskStatusEnum.PENDING
PROCESSING = TaskStatusEnum.PROCESSING
COMPLETED = TaskStatusEnum.COMPLETED
FAILED = TaskStatusEnum.FAILED
CANCELED = TaskStatusEnum.CANCELED
DEFAULT_URL_SECONDS = 3600
# The limit of S3 for one PUT.
MAX_FILE_BYTES = 5 * 1024**3
# How long S3 keeps a file that has not been checked: the lifecycle rule of the bucket.
STAGING_DAYS = 2
# How long an upload without a result is kept after its URL has expired.
RETENTION = timedelta(days=30)
# A DynamoDB item has at most 400 KB. The other attributes need far less than the difference.
MAX_DOCUMENT_BYTES = 250_000
EXPIRED = "upload_expired"
_EXPIRED_MESSAGE = "The file was not stored and confirmed before the URL expired"


@dataclass(frozen=True, slots=True)
class Upload:
    """An upload with its state.

    `declared_bytes` and `declared_sha256` are what the client has declared. `folder` is the prefix of the key of the
    copy: that of the object's files, or without an object one of its own. `size_bytes`, `sha256` and `etag` describe
    the file that was found, and `file_key` is the key of its copy. `mime_type`, `text`, which repeats a short text, and
    `storage_class`, None for the standard one, are for other objects that use the file. `file_removed_at` says when the
    file was removed with the last of its objects. `failure` is the code of the error that `message` describes. `policy`
    is the one of a confirmation for the unique key. If a task confirms the upload, `submits` is whether it submits a
    batch, and `named_etag` and `named_bytes` are what the confirmation says about the file.
    `keeps_file` says that the client has canceled the upload but not the file.
    """

    organization: str
    namespace_id: str
    bucket_id: str
    upload_id: str
    filename: str
    content_type: str
    staging_key: str
    folder: str
    url_seconds: int
    created_at: str
    updated_at: str
    expires_at: str
    status: TaskStatusEnum = PENDING
    declared_bytes: int | None = None
    declared_sha256: str | None = None
    metadata: Mapping[str, Any] | None = None
    creates_object: bool = True
    object_metadata: Mapping[str, Any] | None = None
    blob_property: str | None = None
    blob_type: str | None = None
    skip_duplicates: bool = True
    size_bytes: int | None = None
    sha256: str | None = None
    etag: str | None = None
    mime_type: str | None = None
    text: str | None = None
    storage_class: str | None = None
    file_key: str | None = None
    file_removed_at: str | None = None
    message: str | None = None
    failure: str | None = None
    verified_at: str | None = None
    completed_at: str | None = None
    object_id: str | None = None
    task_id: str | None = None
    batch_id: str | None = None
    policy: Policy | None = None
    submits: bool = False
    named_etag: str | None = None
    named_bytes: int | None = None
    duplicate_of: str | None = None
    existing_object_id: str | None = None
    keeps_file: bool = False
    revision: int = 1

    @property
    def partition(self) -> str:
        """The partition of the namespace."""
        return keys.partition(self.organization, self.namespace_id)

    @property
    def rows(self) -> str:
        """The partition key of the uploads to the bucket."""
        return keys.uploads(self.partition, self.bucket_id)

    @property
    def has_ended(self) -> bool:
        """Whether the upload is completed, failed or canceled. It then never changes its result."""
        return self.status in (COMPLETED, FAILED, CANCELED)

    @property
    def blob_prefix(self) -> str:
        """What the ids of the copies of this upload begin with. Each attempt to copy the file adds random characters.

        So no attempt overwrites the copy of another one, which may have found another file under the same key.
        """
        return f"blob_{self.upload_id.removeprefix(f'{PREFIX}_')}"


_ATTRIBUTES = tuple(name for name in Upload.__slots__ if name not in ("metadata", "object_metadata", "status"))


def to_item(upload: Upload) -> dict[str, Any]:
    """Returns the row of an upload, with its keys. Raises UploadTooLarge."""
    return {
        **keys.upload(upload.rows, upload.upload_id),
        **{name: getattr(upload, name) for name in _ATTRIBUTES},
        "status": upload.status.value,
        "document": document(upload),
        "ttl": None if upload.status == COMPLETED else ttl(upload),
    }


def from_item(item: Mapping[str, Any]) -> Upload:
    """Returns the upload in a row."""
    values = {name: item[name] for name in _ATTRIBUTES if name in item}
    status = TaskStatusEnum(item["status"])
    return Upload(**values, status=status, **json.loads(item["document"]))


def document(upload: Upload) -> str:
    """Returns the parts of the upload that have arbitrary JSON, as text. Raises UploadTooLarge."""
    content = {"metadata": upload.metadata, "object_metadata": upload.object_metadata}
    return bounded(to_json(content), MAX_DOCUMENT_BYTES, lambda: UploadTooLarge(MAX_DOCUMENT_BYTES))


def ttl(upload: Upload) -> int:
    """Returns when DynamoDB may remove the row of an upload without a result, in seconds since the epoch."""
    return int((parse_timestamp(upload.expires_at) + RETENTION).timestamp())


def is_gone(upload: Upload, now: datetime) -> bool:
    """Returns whether the retention period has ended. DynamoDB removes the row within days of that."""
    return upload.status != COMPLETED and now.timestamp() >= ttl(upload)


def is_expired(upload: Upload, now: datetime) -> bool:
    """Returns whether the URL of the upload has expired."""
    return now >= parse_timestamp(upload.expires_at)


def as_seen(upload: Upload, now: datetime) -> Upload:
    """Returns the upload as clients see it: after the expiry of its URL, one that was not confirmed has failed."""
    if upload.status != PENDING or not is_expired(upload, now):
        return upload
    return replace(upload, status=FAILED, message=_EXPIRED_MESSAGE, failure=EXPIRED)


def next_revision(upload: Upload, now: datetime, **changes: Any) -> Upload:
    """Returns the upload with these changes, to be stored instead of the current revision."""
    return replace(upload, **changes, revision=upload.revision + 1, updated_at=format_timestamp(now))
