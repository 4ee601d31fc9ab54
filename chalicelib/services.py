"""The services of one process, as operations, event handlers and the command line use them; `wiring` builds them."""

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
    """Everything that the rooms' operations need."""

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
        """What the streams' functions work with; made when it is first asked for, since requests do without it."""
        return self.change_feed()

    @property
    def runner(self) -> Runner:
        """What the task queue's function works with, made when it is first asked for."""
        return self.task_runner()

    @property
    def stats(self) -> Statistics:
        """The tallies of buckets and namespaces."""
        return self.feed.stats

    def partitions(self) -> Iterator[str]:
        """The partition of every namespace of every organization."""
        for organization in self.access.list_organizations():
            for namespace in self.namespaces.list(organization.organization_id):
                yield partition(organization.organization_id, namespace.namespace_id)
