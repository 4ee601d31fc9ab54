"""What other packages may do with files."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from chalicelib.blobs.blob import Blob
from chalicelib.blobs.store import BlobStore, BytesNotRemoved
from chalicelib.blobs.writer import BlobWriter
from chalicelib.core import log
from chalicelib.core.ids import Ids


@dataclass(frozen=True, slots=True)
class Blobs:
    """The files of every bucket."""

    store: BlobStore
    ids: Ids

    def connect(self) -> None:
        """Builds the S3 client now, before several threads would each build one."""
        self.store.connect()

    def writer(self, bucket_id: str, storage_class: str | None) -> BlobWriter:
        """Stores the files of one object of this bucket, in the tier of the bucket's `storage_class`."""
        return BlobWriter(self.store, self.ids, bucket_id, storage_class)

    def remove(self, keys: Iterable[str]) -> None:
        """Removes the bytes under these keys. Raises Unavailable.

        Bytes that S3 refuses to remove are logged and stay: a retry would fail in the same way, and
        `admin blobs orphans` lists them.
        """
        wanted = sorted(keys)
        try:
            if wanted:
                self.store.remove(wanted)
        except BytesNotRemoved as error:
            log.log("bytes left behind", level=log.ERROR, error=error, keys=wanted)

    def presigned_get(self, blob: Blob) -> str | None:
        """A download URL that is valid for an hour; None for bytes kept elsewhere, and for archived ones."""
        return self.store.presigned_get(blob)

    def presigned_bytes(self) -> int:
        """The largest length of such a URL in bytes, with the credentials of this moment."""
        return self.store.presigned_bytes()
