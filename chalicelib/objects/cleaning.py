"""Removes the rows of the objects of a bucket that is being deleted."""

from __future__ import annotations

from dataclasses import dataclass

from chalicelib.objects.store import ObjectStore

# A worker that is killed loses the count of at most this many rows.
DELETE_BATCH_SIZE = 500


@dataclass(frozen=True, slots=True)
class ObjectRowCleaner:
    """Removes the rows of a bucket's objects, including soft-deleted ones."""

    store: ObjectStore
    name: str = "objects"

    def delete_slice(self, partition: str, bucket_id: str) -> int:
        """Removes up to `DELETE_BATCH_SIZE` rows, or fewer if they are large. Returns how many."""
        return self.store.remove_some(bucket_id, DELETE_BATCH_SIZE)
