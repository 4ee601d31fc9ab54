"""Statistics: how many objects there are, and of what size, in a bucket and in a namespace.

The partition of a namespace names it, here as in every row; without a bucket, the namespace itself is meant.
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
    """The statistics of every bucket and namespace. Every method raises Unavailable when storage cannot serve."""

    tallies: Tallies

    def fold(self, ns: str, bucket_id: str | None, changes: Iterable[Change], *, has_unreadable: bool = False) -> None:
        """Counts those of the changes that were not counted yet. `has_unreadable`: more changed that cannot be read."""
        self.tallies.fold(self.tallies.of(ns, bucket_id), changes, has_unreadable=has_unreadable)

    def refresh_extremes(self, ns: str, bucket_id: str) -> None:
        """Looks up the bucket's largest and smallest object once more, if that is due."""
        self.tallies.refresh_extremes(self.tallies.of(ns, bucket_id))

    def bucket_ids(self, ns: str) -> Iterator[str]:
        """The buckets of a namespace."""
        return self.tallies.store.bucket_ids(ns)

    def verify(self, ns: str, bucket_id: str | None) -> list[Difference]:
        """What is shown and is not what a count gives; nothing where all is well."""
        return verify(self.tallies, self.tallies.of(ns, bucket_id))

    def recount(self, ns: str, bucket_id: str | None) -> Recount:
        """Counts anew while writers go on, and tells the drift that there was."""
        return recount(self.tallies, self.tallies.of(ns, bucket_id))

    def rebuild(self, ns: str, bucket_id: str | None) -> None:
        """Makes the statistics what a count gives, for an engine whose stream begins anew.

        Nothing may write meanwhile, and what the streams tell of all before, this included, must not be folded.
        """
        rebuild(self.tallies, self.tallies.of(ns, bucket_id))

    def rebuild_all(self, namespaces: Iterable[str]) -> None:
        """Settles every bucket of these namespaces, and then the namespaces."""
        for ns in namespaces:
            for bucket_id in self.bucket_ids(ns):
                self.rebuild(ns, bucket_id)
            self.rebuild(ns, None)
