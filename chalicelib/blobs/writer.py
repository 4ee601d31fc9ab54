"""Stores the files of one object before its row is written.

The caller removes the files again if the row is not written. A process that ends in between leaves files that no
row refers to, but never a row without its files. `admin blobs orphans` lists and removes such files.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from chalicelib.blobs.blob import Blob, stored_blob
from chalicelib.blobs.store import BlobStore
from chalicelib.core.ids import Ids

if TYPE_CHECKING:
    from chalicelib.blobs.content import NewBlob

# The first part of the keys of all objects' files.
BLOBS = "blobs"


class BlobWriter:
    """Stores the files of one object that is being written, each under a key that no other write uses."""

    def __init__(self, blobs: BlobStore, ids: Ids, bucket_id: str, storage_class: str | None) -> None:
        self._store, self._ids = blobs, ids
        self.bucket_id, self._storage_class = bucket_id, storage_class
        self._blobs: dict[tuple[int, str], Blob] = {}

    def store(self, new: Iterable[NewBlob], object_id: str) -> tuple[Blob, ...]:
        """Stores the files. Returns the blobs for the object's row. Raises Unavailable.

        A repeated call stores nothing and returns the same blobs.
        """
        return tuple(self._stored_once(blob, object_id) for blob in new)

    @property
    def keys(self) -> set[str]:
        """The S3 keys of the files that were stored."""
        return {blob.key for blob in self._blobs.values() if blob.key is not None}

    @property
    def object_ids(self) -> set[str]:
        """The object ids that files were stored for. There are several if an id was taken and another one was tried."""
        return {object_id for (_, object_id), blob in self._blobs.items() if blob.key is not None}

    def _stored_once(self, new: NewBlob, object_id: str) -> Blob:
        key = (id(new), object_id)
        if key not in self._blobs:
            self._blobs[key] = self._stored(new, object_id)
        return self._blobs[key]

    def _stored(self, new: NewBlob, object_id: str) -> Blob:
        blob_id = self._ids.timed("blob")
        key, url = None, new.url or ""
        if new.content is not None:
            key = blob_key(self.bucket_id, object_id, blob_id)
            url = self._store.put(
                key,
                new.content,
                mime_type=new.mime_type,
                filename=new.filename,
                storage_class=self._storage_class,
            )
        return stored_blob(new, blob_id=blob_id, key=key, url=url, storage_class=self._storage_class)


def blob_key(bucket_id: str, object_id: str, blob_id: str) -> str:
    """The S3 key of a blob's content."""
    return f"{blobs_prefix(bucket_id)}{object_id}/{blob_id}"


def blobs_prefix(bucket_id: str) -> str:
    """The prefix of the S3 keys of a bucket's files."""
    return f"{BLOBS}/{bucket_id}/"
