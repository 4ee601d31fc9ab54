"""Statistics of buckets and namespaces.

In every method, `ns` is the partition of the namespace. `bucket_id` None means the namespace itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from chalicelib.stats.recount import Recount, recount
from chalicelib.stats.stream_records import Change
from chalicelib.stats.tallies import Tallies
from chalicelib.stats.verify import Difference, rebuild, verify


@dataclass(frozen=True, slots=True)
class Statistics:
    """The statistics of every bucket and namespace.

    Every method raises Unavailable if DynamoDB cannot serve the request.
    """

    tallies: Tallies

    def fold(self, ns: str, bucket_id: str | None, changes: Iterable[Change], *, has_unreadable: bool = False) -> None:
        """Counts the changes that are not counted yet. `has_unreadable`: some records could not be read.

        Unreadable records mark the bucket or the namespace as due for a recount.
        """
        self.tallies.fold(self.tallies.of(ns, bucket_id), changes, has_unreadable=has_unreadable)

    def refresh_extremes(self, ns: str, bucket_id: str) -> None:
        """Looks up the bucket's largest and smallest object again, if a lookup is due."""
        self.tallies.refresh_extremes(self.tallies.of(ns, bucket_id))

    def bucket_ids(self, ns: str) -> Iterator[str]:
        """The ids of the buckets of a namespace."""
        return self.tallies.store.bucket_ids(ns)

    def verify(self, ns: str, bucket_id: str | None) -> list[Difference]:
        """The differences between the statistics and a count of all members. Empty if they are correct."""
        return verify(self.tallies, self.tallies.of(ns, bucket_id))

    def recount(self, ns: str, bucket_id: str | None) -> Recount:
        """Counts all members while writers continue, corrects the statistics, and returns the drift found."""
        return recount(self.tallies, self.tallies.of(ns, bucket_id))

    def rebuild(self, ns: str, bucket_id: str | None) -> None:
        """Replaces the statistics with a count of all members, for an engine whose streams start empty.

        Nothing may write or fold meanwhile. Stream records of writes before the rebuild, and of the rebuild itself,
        must not be folded afterwards: they would be counted twice.
        """
        rebuild(self.tallies, self.tallies.of(ns, bucket_id))

    def rebuild_all(self, namespaces: Iterable[str]) -> None:
        """Rebuilds the statistics of every bucket of these namespaces, and then of the namespaces."""
        for ns in namespaces:
            for bucket_id in self.bucket_ids(ns):
                self.rebuild(ns, bucket_id)
            self.rebuild(ns, None)
