"""Statistics put right by counting, where a process ended before its streams had been delivered."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from chalicelib.aws.dynamodb.writes import Key
from chalicelib.local.moto import rows
from chalicelib.local.moto.backends import Backends
from chalicelib.stats.aggregates import Aggregate, Extremes
from chalicelib.stats.service import Statistics
from chalicelib.stats.stream_records import Contribution, Damaged, object_contribution
from chalicelib.stats.tally_row import Extreme
from chalicelib.stats.verify import settle

Contributions = Sequence[tuple[str, Contribution]]


def rebuild_all(statistics: Statistics, namespaces: Iterator[str], contributions: Mapping[str, Contributions]) -> None:
    """The statistics are what a count of these objects gives, by bucket. Nobody may write or fold meanwhile."""
    for ns in namespaces:
        for bucket_id in statistics.bucket_ids(ns):
            aggregate = statistics.tallies.of(ns, bucket_id)
            settle(statistics.tallies, _Held(aggregate, contributions.get(bucket_id, ())))
        statistics.settle(ns, None)


def objects_by_bucket(backends: Backends, table: str) -> dict[str, Contributions]:
    """What every object counts for, read in one go: page by page moto takes 10 s for a bucket of 20 000."""
    found: dict[str, list[tuple[str, Contribution]]] = defaultdict(list)
    with backends.lock:
        for row in rows.rows_of(backends.account, table):
            with suppress(Damaged):  # it counts for nothing, as it does for the fold
                if (contribution := object_contribution(row)) is not None:
                    found[row["bucket_id"]["S"]].append((row["object_id"]["S"], contribution))
    return dict(found)


@dataclass(frozen=True, slots=True)
class _Held:
    """A bucket whose objects have been read already."""

    aggregate: Aggregate
    held: Contributions

    @property
    def key(self) -> Key:
        return self.aggregate.key

    @property
    def home(self) -> Key:
        return self.aggregate.home

    def contributions(self) -> Iterator[tuple[str, Contribution]]:
        return iter(self.held)

    def touch(self, member: str, epoch: int) -> None:
        self.aggregate.touch(member, epoch)

    def discard(self, members: Iterable[str]) -> None:
        self.aggregate.discard(members)

    def extremes(self, *held: Extreme | None) -> Extremes:
        return self.aggregate.extremes(*held)
