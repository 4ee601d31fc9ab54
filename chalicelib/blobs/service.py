"""The operations on files that other packages use."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from chalicelib.blobs.blob import Blob
from chalicelib.blobs.file_version import FileVersion
from chalicelib.blobs.store import BlobStore, FilesNotRemoved
from chalicelib.blobs.writer import BlobWriter
from chalicelib.core import log
from chalicelib.core.ids import Ids

if TYPE_CHECKING:
    from chalicelib.blobs.multipart import MultipartUpload


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

    def check_exists(self, blob: Blob) -> None:
        """Raises FileMissing or FileForbidden if S3 does not have the file, and Unavailable. Accepts stored files."""
        self.store.check_exists(_key(blob))

    def read(self, blob: Blob, offset: int, size: int) -> bytes:
        """Up to `size` bytes of a stored file from `offset` on; empty after its end.

        Raises FileUnreadable, Unavailable.
        """
        return self.store.read(_key(blob), offset, size)

    def version(self, key: str) -> FileVersion:
        """What S3 says about the file with this key. Raises FileMissing, FileForbidden, Unavailable."""
        return self.store.version(key)

    def read_version(self, key: str, etag: str, offset: int, size: int) -> bytes:
        """Up to `size` bytes from `offset` on of the file with this key and ETag; empty after its end.

        Raises FileChanged if the file has another ETag, FileUnreadable, Unavailable.
        """
        return self.store.read_version(key, etag, offset, size)

    def presigned_put(self, key: str, *, content_type: str, size_bytes: int | None, seconds: int) -> str:
        """A URL that stores a file with this MIME type and, if given, this length. Makes no call to S3."""
        return self.store.presigned_put(key, content_type=content_type, size_bytes=size_bytes, seconds=seconds)

    def put_document(self, key: str, content: bytes, *, mime_type: str, filename: str) -> None:
        """Stores a file that the service writes, such as a report. Raises Unavailable."""
        self.store.put(key, content, mime_type=mime_type, filename=filename, storage_class=None)

    def put(self, key: str, content: bytes, *, mime_type: str, filename: str | None, storage_class: str | None) -> str:
        """Stores a file in the tier of the bucket's storage class. Returns its s3:// URL. Raises Unavailable."""
        return self.store.put(key, content, mime_type=mime_type, filename=filename, storage_class=storage_class)

    def begin_multipart(
        self, key: str, *, mime_type: str, filename: str | None, storage_class: str | None
    ) -> MultipartUpload:
        """Begins to store a large file in parts. Raises Unavailable."""
        return self.store.begin_multipart(key, mime_type=mime_type, filename=filename, storage_class=storage_class)

    def keys_with_prefix(self, prefix: str) -> list[str]:
        """The keys of all files whose keys start with a prefix. Raises Unavailable."""
        return [file.key for file in self.store.list_files(prefix)]

    def presigned_key(self, key: str) -> str:
        """A download URL, valid for an hour, of a file that the service wrote. Makes no call to S3."""
        return self.store.presigned_key(key)

    def presigned_get(self, blob: Blob) -> str | None:
        """A download URL that is valid for an hour; None for a file that is kept by reference or archived."""
        return self.store.presigned_get(blob)

    def presigned_bytes(self) -> int:
        """The maximum length of a download URL in bytes, with the current credentials."""
        return self.store.presigned_bytes()


def _key(blob: Blob) -> str:
    if blob.key is None:
        raise ValueError(f"{blob.blob_id} is kept by reference")
    return blob.key
