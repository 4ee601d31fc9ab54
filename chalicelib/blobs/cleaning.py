"""Removes the files of a bucket that is being deleted."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

from chalicelib.blobs.store import DELETE_BATCH_SIZE, BlobStore
from chalicelib.blobs.writer import blobs_prefix


@dataclass(frozen=True, slots=True)
class ObjectFileCleaner:
    """Removes the files of a bucket's objects, and those that no object refers to."""

    blobs: BlobStore
    name: str = "blobs"

    def delete_slice(self, partition: str, bucket_id: str) -> int:
        """Removes up to `DELETE_BATCH_SIZE` files. Returns how many. Raises Unavailable.

        One call is one DeleteObjects request, so a worker that is killed loses the count of one request at most.
        """
        files = islice(self.blobs.list_files(blobs_prefix(bucket_id)), DELETE_BATCH_SIZE)
        keys = [file.key for file in files]
        if keys:
            self.blobs.remove(keys)
        return len(keys)
