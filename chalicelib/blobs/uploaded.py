"""Files of completed uploads as files of further objects. All these objects share one file in S3.

The uploads package writes the rows of uploads. Here they are read, by the packages that it depends on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from chalicelib import keys
from chalicelib.aws.dynamodb.attribute_values import Item
from chalicelib.aws.dynamodb.table import Table
from chalicelib.blobs.errors import SourceNotCompleted, SourceNotFound, SourceRemoved, SourceWithoutFile
from chalicelib.blobs.inputs import Location
from chalicelib.core.clock import Clock
from chalicelib.core.errors import ApiError
from chalicelib.core.ids import is_key_part
from chalicelib.core.record import record

COMPLETED = "COMPLETED"


@record
class UploadedFile:
    """The file of a completed upload, as the row of the upload describes it.

    `upload_id` is the upload that has stored the file: an upload of the same content has no file of its own, and refers
    to that one. `text` repeats a short text, and `storage_class` is None for the standard one. `where` is the location
    of the id in the request, such as `body.blobs.0.upload_id`.
    """

    upload_id: str
    key: str
    size_bytes: int
    sha256: str
    filename: str
    mime_type: str
    text: str | None
    storage_class: str | None
    where: str


@record
class UploadedFiles:
    """The files of the uploads to one bucket, for one request. Each row is read once. Not safe for concurrent use."""

    table: Table
    partition: str
    bucket_id: str
    clock: Clock
    _read: dict[str, Item | None] = field(default_factory=dict)

    def find(self, upload_id: str, location: Location) -> UploadedFile:
        """The file of an upload; `location` is that of the id in the request. Strongly consistent.

        The upload may change afterwards, so the write of the object checks it again. Raises SourceNotFound,
        SourceNotCompleted, SourceRemoved, SourceWithoutFile.
        """
        row = self._row(upload_id)
        original = row.get("duplicate_of") if row is not None else None
        if original is not None:
            row = self._row(original)
        where = ".".join(map(str, location))
        if row is None or self._is_gone(row):
            raise SourceNotFound(upload_id, where)
        if (error := refusal(row, where)) is not None:
            raise error
        return _file(row, where)

    def _row(self, upload_id: str) -> Item | None:
        if upload_id not in self._read:
            key = keys.upload(keys.uploads(self.partition, self.bucket_id), upload_id)
            self._read[upload_id] = self.table.get(key) if is_key_part(upload_id) else None
        return self._read[upload_id]

    def _is_gone(self, row: Item) -> bool:
        """Whether the retention period of an upload without a result has ended, so that DynamoDB removes the row."""
        return "ttl" in row and bool(self.clock().timestamp() >= row["ttl"])


def refusal(row: Item, where: str | None = None) -> ApiError | None:
    """The error that says why the upload in this row cannot be the source of a blob; None if it can.

    `where` is the location of its id in the request, if it is known.
    """
    upload_id, status = row["upload_id"], row["status"]
    if status != COMPLETED:
        return SourceNotCompleted(upload_id, status, where)
    if "file_removed_at" in row:
        return SourceRemoved(upload_id, where)
    return None if row.get("file_key") else SourceWithoutFile(upload_id, where)


def _file(row: Mapping[str, Any], where: str) -> UploadedFile:
    return UploadedFile(
        upload_id=row["upload_id"],
        key=row["file_key"],
        size_bytes=row["size_bytes"],
        sha256=row["sha256"],
        filename=row["filename"],
        mime_type=row.get("mime_type") or row["content_type"],
        text=row.get("text"),
        storage_class=row.get("storage_class"),
        where=where,
    )
