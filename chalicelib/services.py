"""The services of one process. `wiring` builds them; operations, event handlers and the command line use them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from chalicelib.core.record import record
from chalicelib.keys import partition

if TYPE_CHECKING:
    from chalicelib.access.service import Access
    from chalicelib.batches.facade import BatchServices
    from chalicelib.batches.messages import BatchMessages
    from chalicelib.blobs.store import BlobStore
    from chalicelib.buckets.service import Buckets
    from chalicelib.deletion.service import Deletions
    from chalicelib.deliveries.facade import DeliveryServices
    from chalicelib.deliveries.receiving import Receiver
    from chalicelib.health.checks import Checks
    from chalicelib.mirroring.messages import MirrorMessages
    from chalicelib.namespaces.service import Namespaces
    from chalicelib.objects.service import Objects
    from chalicelib.stats.handlers import ChangeFeed
    from chalicelib.stats.service import Statistics
    from chalicelib.tasks.runner import Runner
    from chalicelib.tasks.service import Tasks
    from chalicelib.uploads.arrivals import UploadArrivals
    from chalicelib.uploads.facade import UploadServices


@record
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
    batch_services: Callable[[], BatchServices]
    batch_message_handler: Callable[[], BatchMessages]
    webhook_receiver: Callable[[], Receiver]
    delivery_services: Callable[[], DeliveryServices]
    upload_services: Callable[[], UploadServices]
    arrival_handler: Callable[[], UploadArrivals]
    mirror_message_handler: Callable[[], MirrorMessages]

    @property
    def feed(self) -> ChangeFeed:
        """The handler of stream records. It is built on first use, because requests do not need it."""
        return self.change_feed()

    @property
    def runner(self) -> Runner:
        """The runner of background tasks, built on first use."""
        return self.task_runner()

    @property
    def batches(self) -> BatchServices:
        """The services of batches. They are built on first use, because most requests do not need them."""
        return self.batch_services()

    @property
    def webhooks(self) -> Receiver:
        """The service that receives webhooks, built on first use."""
        return self.webhook_receiver()

    @property
    def deliveries(self) -> DeliveryServices:
        """The services of deliveries. They are built on first use, because most requests do not need them."""
        return self.delivery_services()

    @property
    def uploads(self) -> UploadServices:
        """The services of uploads. They are built on first use, because most requests do not need them."""
        return self.upload_services()

    @property
    def upload_arrivals(self) -> UploadArrivals:
        """The handler of the notifications of S3 about stored files, built on first use."""
        return self.arrival_handler()

    @property
    def batch_messages(self) -> BatchMessages:
        """The handler of the messages of batches, built on first use."""
        return self.batch_message_handler()

    @property
    def mirror_messages(self) -> MirrorMessages:
        """The handler of the messages about files by URL, built on first use."""
        return self.mirror_message_handler()

    @property
    def stats(self) -> Statistics:
        """The statistics of buckets and namespaces."""
        return self.feed.stats

    def partitions(self) -> Iterator[str]:
        """Yields the partition of each namespace of each organization."""
        for organization in self.access.list_organizations():
            for namespace in self.namespaces.list(organization.organization_id):
                yield partition(organization.organization_id, namespace.namespace_id)
