"""Finds a completed upload of the same content that an upload can refer to instead of having a file of its own."""

from __future__ import annotations

from dataclasses import dataclass

from chalicelib.objects.service import Objects
from chalicelib.uploads.declaring import own_object_id
from chalicelib.uploads.store import UploadStore
from chalicelib.uploads.upload import COMPLETED, Upload


@dataclass(frozen=True, slots=True)
class Duplicates:
    """The completed uploads of a bucket, by content."""

    store: UploadStore
    objects: Objects

    def find(self, upload: Upload, sha256: str) -> Upload | None:
        """Returns the original of an upload, or None.

        The original has a file for the same schema field, and its object still exists with this file. With a unique
        key, it is the object with the same key: another key means another object, whatever its file. An upload without
        an object has no original: its file is kept until it was used itself, whatever becomes of any other upload.
        """
        if not upload.skip_duplicates or not upload.creates_object:
            return None
        original = self.store.with_content(upload.rows, sha256)
        if original is None or original.upload_id == upload.upload_id or original.status != COMPLETED:
            return None
        if original.file_removed_at is not None:
            return None
        if not original.creates_object or original.blob_property != upload.blob_property:
            return None
        return original if self._has_file(original, upload) else None

    def _has_file(self, original: Upload, upload: Upload) -> bool:
        has_unique_key = not upload.folder.endswith(f"/{own_object_id(upload.bucket_id, upload.upload_id)}/")
        if original.object_id is None or (has_unique_key and original.folder != upload.folder):
            return False
        found = self.objects.find(original.partition, original.bucket_id, original.object_id)
        return found is not None and any(blob.key == original.file_key for blob in found.blobs)
