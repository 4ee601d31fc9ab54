"""What objects leave under a bucket that is being deleted: their rows, then their bytes."""

from __future__ import annotations

from dataclasses import dataclass

from chalicelib.objects.store import ObjectStore

# A worker that dies loses the count of one slice at most.
ROWS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class ObjectRows:
    """Removes the rows of objects, hidden ones too."""

    store: ObjectStore
    name: str = "objects"

    def delete_slice(self, partition: str, bucket_id: str) -> int:
        """Removes up to `ROWS_AT_ONCE` rows, fewer of large ones, and says how many."""
        return self.store.remove_some(bucket_id, ROWS_AT_ONCE)
