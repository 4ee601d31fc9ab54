"""Stores the files of one object before its row is written.

The caller removes the files again if the row is not written. A process that ends in between leaves files that no
row refers to, but never a row without its files. `admin blobs orphans` lists and removes such files.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from chalicelib.blobs.blob import Blob, stored_blob
from chalicelib.blobs.store import BlobStore
from chalicelib.core.errors import ApiError
from chalicelib.core.ids import Ids

if TYPE_CHECKING:
    from chalicelib.blobs.content import NewBlob
    from chalicelib.blobs.mirror import Mirror

# The first part of the keys of all objects' files.
BLOBS = "blobs"


class BlobWriter:
    """Stores the files of one object that is being written, each under a key that no other write uses."""

    def __init__(self, blobs: BlobStore, ids: Ids, bucket_id: str, storage_class: str | None) -> None:
        self._store, self._ids = blobs, ids
        self.bucket_id, self._storage_class = bucket_id, storage_class
        self._blobs: dict[tuple[int, str], Blob] = {}
        # The object of each file that was stored, by key.
        self._owners: dict[str, str] = {}
        # The place in the request of the id of each upload whose file is shared.
        self._places: dict[str, str] = {}

    def store(self, new: Iterable[NewBlob], object_id: str) -> tuple[Blob, ...]:
        """Stores the files. Returns the blobs for the object's row. Raises Unavailable, FileUnreadable for a copy.

        A repeated call stores nothing and returns the same blobs.
        """
        return tuple(self._stored_once(blob, object_id) for blob in new)

    @property
    def keys(self) -> set[str]:
        """The S3 keys of the files that were stored. A shared file is not one of them."""
        return set(self._owners)

    @property
    def object_ids(self) -> set[str]:
        """The object ids that files were stored for. There are several if an id was taken and another one was tried."""
        return set(self._owners.values())

    def add_place(self, error: Exception) -> None:
        """Adds the place in the request to an error about an upload, which the write of the row has raised.

        That write checks the upload again, and knows its id only.
        """
        details = error.details if isinstance(error, ApiError) else None
        if details and details.get("resource") == "upload" and (where := self._places.get(details["id"])) is not None:
            details.setdefault("field", where)

    def _stored_once(self, new: NewBlob, object_id: str) -> Blob:
        key = (id(new), object_id)
        if key not in self._blobs:
            self._blobs[key] = self._stored(new, object_id)
        return self._blobs[key]

    def _stored(self, new: NewBlob, object_id: str) -> Blob:
        blob_id = new.blob_id or self._ids.timed("blob")
        if new.shared is not None:
            self._places.setdefault(new.shared.upload_id, new.shared.where)
            url, storage_class = self._store.url(new.shared.key), new.shared.storage_class
            return stored_blob(new, blob_id=blob_id, key=new.shared.key, url=url, storage_class=storage_class)
        key, url = None, new.url or ""
        if new.has_bytes:
            key = blob_key(self.bucket_id, object_id, blob_id)
            url = self._put(key, new)
            self._owners[key] = object_id
        mirror = self._mirror(new, url) if new.is_mirrored else None
        return stored_blob(new, blob_id=blob_id, key=key, url=url, storage_class=self._storage_class, mirror=mirror)

    def _mirror(self, new: NewBlob, url: str) -> Mirror:
        from chalicelib.blobs.mirror import PREFIX, Mirror

        return Mirror(self._ids.timed(PREFIX), url, force=new.force_remirror, checksum=new.hash)

    def _put(self, key: str, new: NewBlob) -> str:
        described: dict[str, Any] = {"mime_type": new.mime_type, "filename": new.filename}
        if new.copied_key is not None and new.copied_etag is not None:
            return self._store.copy_version(
                new.copied_key,
                key,
                etag=new.copied_etag,
                sha256=str(new.sha256),
                **described,
                storage_class=self._storage_class,
                size_bytes=new.copied_bytes,
            )
        if new.copied_key is not None:
            return self._store.copy(new.copied_key, key, storage_class=self._storage_class, size_bytes=new.copied_bytes)
        content = new.content or b""
        return self._store.put(key, content, **described, storage_class=self._storage_class)


def blob_key(bucket_id: str, object_id: str, blob_id: str) -> str:
    """The S3 key of a blob's content."""
    return f"{blobs_prefix(bucket_id)}{object_id}/{blob_id}"


def parse_blob_key(key: str) -> tuple[str, str] | None:
    """The bucket and the owner of a blob's content; None for another key.

    The owner is an object, or an upload for the file of an upload without an object.
    """
    parts = key.split("/")
    return (parts[1], parts[2]) if len(parts) == 4 and parts[0] == BLOBS else None


def blobs_prefix(bucket_id: str) -> str:
    """The prefix of the S3 keys of a bucket's files."""
    return f"{BLOBS}/{bucket_id}/"
