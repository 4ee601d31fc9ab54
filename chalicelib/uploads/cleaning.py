"""Removes the uploads to a bucket that is being deleted."""

from __future__ import annotations

from dataclasses import dataclass

from chalicelib import keys
from chalicelib.blobs.service import Blobs
from chalicelib.uploads.store import UploadStore

SLICE_ROWS = 100


@dataclass(frozen=True, slots=True)
class UploadCleaner:
    """Removes uploads, and the files that clients have stored and that were not checked.

    The files of completed uploads are removed with those of the bucket's objects.
    """

    store: UploadStore
    files: Blobs
    name: str = "upload_rows"

    def delete_slice(self, partition: str, bucket_id: str) -> int:
        """Removes some rows with their files. Returns how many, or 0 if nothing remains.

        A file that is stored later belongs to no upload any more, and is removed when S3 reports it.
        """
        rows = self.store.first(keys.uploads(partition, bucket_id), SLICE_ROWS)
        self.files.remove(row["staging_key"] for row in rows if row.get("staging_key"))
        return self.store.remove(rows)
