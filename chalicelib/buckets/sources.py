"""Which buckets feed which, as one write of a source adapter sees it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from chalicelib.buckets.bucket import Bucket
from chalicelib.core.ids import is_id

CanSee = Callable[[str], bool]


class AdapterRows(Protocol):
    """The rows that the graph of adapters is read from."""

    def adapters_revision(self, partition: str) -> int:
        """How often adapters that name sources were stored in the namespace."""

    def find(self, partition: str, bucket_id: str) -> Bucket | None:
        """The bucket."""


@dataclass(slots=True)
class Sources:
    """The sources of a namespace's buckets. Each bucket is read once.

    Two writes at once could each miss the other's half of a cycle. So `revision`, that of the whole graph
    of adapters, is read before anything else, and the write is made on condition that it is still the
    same; it is None where nothing was asked. `can_see` tells which buckets the caller may know of.
    """

    rows: AdapterRows
    partition: str
    can_see: CanSee
    revision: int | None = None
    _known: dict[str, list[str] | None] = field(default_factory=dict)

    def forget(self) -> None:
        """Has everything read anew, for another turn."""
        self.revision = None
        self._known.clear()

    def of(self, bucket_id: str) -> list[str] | None:
        """The buckets that feed this one through its adapter; None where there is no such bucket."""
        if self.revision is None:
            self.revision = self.rows.adapters_revision(self.partition)
        if bucket_id not in self._known:
            self._known[bucket_id] = self._read(bucket_id)
        return self._known[bucket_id]

    def may_name(self, bucket_id: str) -> bool:
        """Whether the bucket is there for the caller."""
        return self.can_see(bucket_id) and self.of(bucket_id) is not None

    def _read(self, bucket_id: str) -> list[str] | None:
        bucket = self.rows.find(self.partition, bucket_id) if is_id(bucket_id, "bkt") else None
        if bucket is None:
            return None
        adapter: dict[str, Any] = bucket.settings.get("source_adapter") or {}
        return adapter.get("source_bucket_ids") or []
