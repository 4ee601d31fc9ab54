"""What a bucket leaves behind, piece by piece: every room says how its own part is removed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Cleaner(Protocol):
    """Removes what a room keeps under a bucket that nobody writes to any more."""

    @property
    def name(self) -> str:
        """What it removes, in the plural, as progress shows it."""

    def delete_slice(self, partition: str, bucket_id: str) -> int:
        """Removes some of it, as much as takes a few seconds, and says how many; 0 when nothing was left.

        Done again after it was cut off anywhere, it goes on with what is still there.
        """


def delete_next_slice(cleaners: Sequence[Cleaner], partition: str, bucket_id: str) -> tuple[str, int] | None:
    """One slice of cleaning: which room's, and how many of its things went; None when all is clean."""
    for cleaner in cleaners:
        removed = cleaner.delete_slice(partition, bucket_id)
        if removed:
            return cleaner.name, removed
    return None
