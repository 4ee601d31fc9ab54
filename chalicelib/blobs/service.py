"""The operations on files that other packages use."""

from __future__ import annotations

from collections.abc import Iterable

from chalicelib.blobs.blob import Blob
from chalicelib.blobs.store import BlobStore, FilesNotRemoved
from chalicelib.blobs.writer import BlobWriter
from chalicelib.core import log
from chalicelib.core.ids import Ids


class Blobs:
    """The files of all buckets."""

    __slots__ = ("ids", "store")

    def __init__(self, store: BlobStore, ids: Ids) -> None:
        self.store = store
        self.ids = ids

    def connect(self) -> None:
        """Builds the S3 client. Call it before several threads use the store, so that they share one client."""
        self.store.connect()

    def writer(self, bucket_id: str, storage_class: str | None) -> BlobWriter:
        """A writer for the files of one object of this bucket, with the bucket's `storage_class`."""
        return BlobWriter(self.store, self.ids, bucket_id, storage_class)

    def remove(self, keys: Iterable[str]) -> None:
        """Removes the files with these S3 keys. Raises Unavailable.

        A file that the service may not remove is logged and remains: a retry would fail in the same way.
        `admin blobs orphans` lists it.
        """
        ordered = sorted(keys)
        try:
            if ordered:
                self.store.remove(ordered)
        except FilesNotRemoved as error:
            log.log("files not removed", level=log.ERROR, error=error, keys=ordered)

    def presigned_get(self, blob: Blob) -> str | None:
        """A download URL that is valid for an hour; None for a file that is kept by reference or archived."""
        return self.store.presigned_get(blob)

    def presigned_bytes(self) -> int:
        """The maximum length of a download URL in bytes, with the current credentials."""
        return self.store.presigned_bytes()
