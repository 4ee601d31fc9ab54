"""The statistics of a bucket or a namespace, as other packages read them: the part of a tally row that clients see.

`tally_row.py` has the entire row, as the fold writes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from chalicelib.core.record import record

if TYPE_CHECKING:
    from chalicelib.stats.response_models import BatchStatistics, StorageStatistics


@record
class Tally:
    """Totals after the last fold. Before the first one they are zero and `stats_updated_at` is None.

    New objects and batches are written with `epoch`, by which a recount distinguishes them from earlier ones. Sizes are
    in bytes. `batches` is the number of batches by state, or None if the bucket has no batches.
    """

    object_count: int = 0
    total_size_bytes: int = 0
    failed_object_count: int = 0
    max_size_bytes: int = 0
    min_size_bytes: int = 0
    last_upload_at: str | None = None
    stats_updated_at: str | None = None
    batches: Mapping[str, int] | None = None
    revision: int = 0
    epoch: int = 0

    @property
    def storage_stats(self) -> StorageStatistics:
        """The field `storage_stats` of a bucket's response."""
        average = self.total_size_bytes // self.object_count if self.object_count else 0
        return {
            "total_size_bytes": self.total_size_bytes,
            "avg_size_bytes": average,
            "max_size_bytes": self.max_size_bytes,
            "min_size_bytes": self.min_size_bytes,
        }

    @property
    def batch_stats(self) -> BatchStatistics:
        """The field `batch_stats` of a bucket's response."""
        counts = self.batches or {}
        return {
            "total": counts.get("total", 0),
            "active": counts.get("active", 0),
            "completed": counts.get("completed", 0),
            "failed": counts.get("failed", 0),
        }


EMPTY_TALLY = Tally()


def read_tally(row: Mapping[str, Any] | None) -> Tally:
    """The tally in a row, or the empty tally if the row does not exist yet."""
    if row is None:
        return EMPTY_TALLY
    return Tally(**{name: row[name] for name in Tally.__dataclass_fields__ if name in row})
