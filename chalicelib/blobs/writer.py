"""The bytes of one write: stored before the row that refers to them.

Whoever writes the row takes back what no row came to refer to. A process that dies in between leaves bytes
that nothing refers to, never a row without bytes; they are listed, and removed, by `admin blobs orphans`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from chalicelib.blobs.blob import Blob, stored
from chalicelib.blobs.store import BlobStore
from chalicelib.core.ids import Ids

if TYPE_CHECKING:
    from chalicelib.blobs.content import NewBlob

# All keys of objects' files start so; what else may come to lie in the S3 bucket does not.
BLOBS = "blobs"


class BlobWriter:
    """Stores the blobs of one object that is being written, each under a key that no other write uses."""

    def __init__(self, blobs: BlobStore, ids: Ids, bucket_id: str, storage_class: str | None) -> None:
        self._store, self._ids = blobs, ids
        self.bucket_id, self._storage_class = bucket_id, storage_class
        self._kept: dict[tuple[int, str], Blob] = {}

    def store(self, new: Iterable[NewBlob], object_id: str) -> tuple[Blob, ...]:
        """Stores the bytes and returns the blobs for the object's row; a repeated call returns the same."""
        return tuple(self._one(blob, object_id) for blob in new)

    @property
    def keys(self) -> set[str]:
        """Where bytes were stored."""
        return {blob.key for blob in self._kept.values() if blob.key is not None}

    @property
    def object_ids(self) -> set[str]:
        """The objects that bytes were stored for."""
        return {object_id for (_, object_id), blob in self._kept.items() if blob.key is not None}

    def _one(self, new: NewBlob, object_id: str) -> Blob:
        place = (id(new), object_id)
        if place not in self._kept:
            self._kept[place] = self._stored(new, object_id)
        return self._kept[place]

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
        return stored(new, blob_id=blob_id, key=key, url=url, storage_class=self._storage_class)


def blob_key(bucket_id: str, object_id: str, blob_id: str) -> str:
    """Where the bytes of a blob are kept."""
    return f"{blobs_prefix(bucket_id)}{object_id}/{blob_id}"


def blobs_prefix(bucket_id: str) -> str:
    """Where the bytes of a bucket's objects are kept."""
    return f"{BLOBS}/{bucket_id}/"
