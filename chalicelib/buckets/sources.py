"""Reads which buckets feed other buckets through source adapters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from chalicelib.buckets.bucket import Bucket
from chalicelib.core.ids import is_id

CanSee = Callable[[str], bool]


class AdapterRows(Protocol):
    """The part of the bucket store that is needed here."""

    def adapters_revision(self, partition: str) -> int:
        """Returns the revision of the namespace's graph of adapters. Each write of source buckets increments it."""

    def find(self, partition: str, bucket_id: str) -> Bucket | None:
        """Returns the bucket, or None if it does not exist."""


@dataclass(slots=True)
class Sources:
    """The source buckets of a namespace's buckets, for one write of an adapter. Each bucket is read at most once.

    Two concurrent writes could each add one half of a cycle without seeing the other half. Therefore `revision`, the
    revision of the graph of adapters, is read before any bucket, and the write is conditional on it. It is None if
    nothing has been read. `can_see` says whether the caller may know that a bucket exists.
    """

    rows: AdapterRows
    partition: str
    can_see: CanSee
    revision: int | None = None
    _known: dict[str, list[str] | None] = field(default_factory=dict)

    def forget(self) -> None:
        """Discards what has been read. Call it before another attempt."""
        self.revision = None
        self._known.clear()

    def of(self, bucket_id: str) -> list[str] | None:
        """Returns the ids of the buckets that feed this one, or None if this one does not exist."""
        if self.revision is None:
            self.revision = self.rows.adapters_revision(self.partition)
        if bucket_id not in self._known:
            self._known[bucket_id] = self._read(bucket_id)
        return self._known[bucket_id]

    def exists_for_caller(self, bucket_id: str) -> bool:
        """Whether the bucket exists and the caller may know of it."""
        return self.can_see(bucket_id) and self.of(bucket_id) is not None

    def _read(self, bucket_id: str) -> list[str] | None:
        bucket = self.rows.find(self.partition, bucket_id) if is_id(bucket_id, "bkt") else None
        if bucket is None:
            return None
        adapter: dict[str, Any] = bucket.settings.source_adapter or {}
        return adapter.get("source_bucket_ids") or []
