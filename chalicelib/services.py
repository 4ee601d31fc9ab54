"""The services of one process. `wiring` builds them; operations, event handlers and the command line use them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chalicelib.keys import partition

if TYPE_CHECKING:
    from chalicelib.access.service import Access
    from chalicelib.blobs.store import BlobStore
    from chalicelib.buckets.service import Buckets
    from chalicelib.deletion.service import Deletions
    from chalicelib.health.checks import Checks
    from chalicelib.namespaces.service import Namespaces
    from chalicelib.objects.service import Objects
    from chalicelib.stats.handlers import ChangeFeed
    from chalicelib.stats.service import Statistics
    from chalicelib.tasks.runner import Runner
    from chalicelib.tasks.service import Tasks


@dataclass(frozen=True, slots=True)
class Services:
    """The services that operations, event handlers and commands need."""

    access: Access
    namespaces: Namespaces
    buckets: Buckets
    objects: Objects
    blobs: BlobStore
    checks: Checks
    tasks: Tasks
    deletions: Deletions
    change_feed: Callable[[], ChangeFeed]
    task_runner: Callable[[], Runner]

    @property
    def feed(self) -> ChangeFeed:
        """The handler of stream records. It is built on first use, because requests do not need it."""
        return self.change_feed()

    @property
    def runner(self) -> Runner:
        """The runner of background tasks, built on first use."""
        return self.task_runner()

    @property
    def stats(self) -> Statistics:
        """The statistics of buckets and namespaces."""
        return self.feed.stats

    def partitions(self) -> Iterator[str]:
        """Yields the partition of each namespace of each organization."""
        for organization in self.access.list_organizations():
            for namespace in self.namespaces.list(organization.organization_id):
                yield partition(organization.organization_id, namespace.namespace_id)
