"""Objects in their table."""

from __future__ import annotations

from chalicelib.foundation.expressions import equals
from chalicelib.foundation.table import Table


class ObjectStore:
    """The objects of every bucket, one partition each."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def has_any(self, bucket_id: str) -> bool:
        """Whether the bucket holds an object, in one strongly consistent read."""
        return self._table.count(equals("bucket_id", bucket_id), limit=1) > 0
