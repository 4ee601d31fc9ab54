"""What a command examines: one bucket that its arguments name, or all buckets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import click

from chalicelib.blobs.writer import BLOBS, blobs_prefix
from chalicelib.keys import partition
from chalicelib.objects.shared_files import SharedFiles
from chalicelib.services import Services

PROGRESS_EVERY = 1000

T = TypeVar("T")


@dataclass(frozen=True)
class Selected:
    """The files that the command examines: those of one bucket, or all if `bucket_id` is None."""

    services: Services
    partition: str | None = None
    bucket_id: str | None = None

    @property
    def prefix(self) -> str:
        """The prefix of the keys of checked files."""
        return blobs_prefix(self.bucket_id) if self.bucket_id else f"{BLOBS}/"

    def buckets(self) -> Iterator[tuple[str, str]]:
        """Yields the partition and the id of each bucket."""
        if self.partition is not None and self.bucket_id is not None:
            yield self.partition, self.bucket_id
            return
        for each in self.services.partitions():
            for bucket_id in self.services.stats.bucket_ids(each):
                yield each, bucket_id

    @cached_property
    def shared_files(self) -> SharedFiles:
        """The files of uploads."""
        return self.services.objects.shared_files(self.partition_of)

    def partition_of(self, bucket_id: str) -> str | None:
        """Returns the partition of a bucket, or None if the bucket does not exist."""
        return self._partitions.get(bucket_id)

    @cached_property
    def _partitions(self) -> Mapping[str, str]:
        # All buckets are read when the first file of an upload is found. Nothing else in memory grows with the data.
        return {bucket_id: each for each, bucket_id in self.buckets()}


def selected_files(
    services: Services, organization: str | None, namespace: str | None, bucket: str | None, *, everything: bool
) -> Selected:
    """Returns what the arguments select. Raises UsageError for a wrong combination."""
    if everything:
        if organization or namespace or bucket:
            raise click.UsageError("--all cannot be combined with a name")
        return Selected(services)
    if not (organization and namespace and bucket):
        raise click.UsageError("name a BUCKET with its --organization and --namespace, or use --all")
    services.access.get_organization(organization)
    resolved = services.namespaces.resolve(organization, namespace, include_expired=True)
    place = partition(organization, resolved.namespace_id)
    return Selected(services, place, services.buckets.get(place, bucket).bucket_id)


@dataclass
class Progress:
    """Prints a line to standard error after every PROGRESS_EVERY things that are examined."""

    things: str
    number: int = 0

    def of(self, examined: Iterable[T], name: Callable[[T], str]) -> Iterator[T]:
        """Yields what is examined, and counts it."""
        for each in examined:
            self.number += 1
            if self.number % PROGRESS_EVERY == 0:
                click.echo(f"{self.number} {self.things}, up to {name(each)}", err=True)
            yield each
