"""What objects leave under a bucket that is being deleted: their rows, then their bytes."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

from chalicelib.blobs.store import BlobStore
from chalicelib.blobs.writer import blobs_prefix
from chalicelib.objects.store import ObjectStore

# A worker that dies loses the count of one slice at most.
ROWS_AT_ONCE = 500
BYTES_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class ObjectRows:
    """Removes the rows of objects, hidden ones too."""

    store: ObjectStore
    name: str = "objects"

    def clean(self, partition: str, bucket_id: str) -> int:
        """Removes up to `ROWS_AT_ONCE` rows, fewer of large ones, and says how many."""
        return self.store.remove_some(bucket_id, ROWS_AT_ONCE)


@dataclass(frozen=True, slots=True)
class ObjectBytes:
    """Removes the bytes of objects, those included that no row ever came to refer to."""

    blobs: BlobStore
    name: str = "blobs"

    def clean(self, partition: str, bucket_id: str) -> int:
        """Removes up to `BYTES_AT_ONCE` files, and says how many."""
        keys = [held.key for held in islice(self.blobs.listing(blobs_prefix(bucket_id)), BYTES_AT_ONCE)]
        if keys:
            self.blobs.remove(keys)
        return len(keys)
