"""What S3 says about its files."""

from __future__ import annotations

from datetime import datetime

from chalicelib.core.record import record


@record
class FileVersion:
    """One version of a file, which its client may replace by another one.

    It has the size, the ETag without quotation marks, the MIME type, and the time at which it was stored.
    """

    size_bytes: int
    etag: str
    content_type: str
    stored_at: datetime


@record
class StoredFile:
    """A file in a list of the store."""

    key: str
    size_bytes: int
    stored_at: datetime
