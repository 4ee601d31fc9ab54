"""Removal of the contents of a bucket. Each package that stores something in buckets provides a cleaner for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Cleaner(Protocol):
    """Removes one type of contents of a bucket that accepts no writes."""

    @property
    def name(self) -> str:
        """What the cleaner removes, in the plural. It becomes part of the name of a counter in the task's progress."""

    def delete_slice(self, partition: str, bucket_id: str) -> int:
        """Removes as many items as possible in a few seconds, and returns their number. 0 means that nothing remains.

        A call that is interrupted can be repeated; it continues with what remains.
        """


def delete_next_slice(cleaners: Sequence[Cleaner], partition: str, bucket_id: str) -> tuple[str, int] | None:
    """Runs the first cleaner that removes anything; returns its name and the number removed, or None if none did."""
    for cleaner in cleaners:
        removed = cleaner.delete_slice(partition, bucket_id)
        if removed:
            return cleaner.name, removed
    return None
