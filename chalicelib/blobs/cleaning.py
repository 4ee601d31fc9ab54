"""Removes the files of a bucket that is being deleted."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

from chalicelib.blobs.store import BlobStore
from chalicelib.blobs.writer import blobs_prefix

# The count of one slice is lost if the worker dies; a slice is one DeleteObjects call, whose limit is 1000 keys.
BYTES_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class ObjectBytes:
    """Removes the bytes of objects, those included that no row ever came to refer to."""

    blobs: BlobStore
    name: str = "blobs"

    def delete_slice(self, partition: str, bucket_id: str) -> int:
        """Removes up to `BYTES_AT_ONCE` files, and says how many."""
        keys = [held.key for held in islice(self.blobs.listing(blobs_prefix(bucket_id)), BYTES_AT_ONCE)]
        if keys:
            self.blobs.remove(keys)
        return len(keys)
