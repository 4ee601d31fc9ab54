"""Builds the services of uploads. Only `chalicelib.wiring` uses it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING

from chalicelib.aws.dynamodb.table import Table
from chalicelib.core.clock import Clock
from chalicelib.core.ids import Ids
from chalicelib.objects.service import Objects
from chalicelib.tasks.service import Tasks
from chalicelib.uploads.duplicates import Duplicates
from chalicelib.uploads.promotion import Promotion
from chalicelib.uploads.store import UploadStore

if TYPE_CHECKING:
    from chalicelib.batches.service import Batches
    from chalicelib.uploads.arrivals import UploadArrivals
    from chalicelib.uploads.batching import UploadBatches
    from chalicelib.uploads.cleaning import UploadCleaner
    from chalicelib.uploads.confirmation_task import BatchConfirmationWorker, UploadConfirmationWorker
    from chalicelib.uploads.confirming import UploadConfirming
    from chalicelib.uploads.facade import UploadServices


@dataclass(frozen=True)
class UploadParts:
    """Builds each service of uploads when it is first needed."""

    catalog: Table
    objects: Objects
    tasks: Tasks
    batches: Callable[[], Batches]
    ids: Ids
    clock: Clock

    @cached_property
    def store(self) -> UploadStore:
        """The rows of uploads."""
        return UploadStore(self.catalog)

    @cached_property
    def duplicates(self) -> Duplicates:
        """The completed uploads by content."""
        return Duplicates(self.store, self.objects)

    @cached_property
    def promotion(self) -> Promotion:
        """Checks files, and makes objects of them."""
        return Promotion(
            store=self.store,
            objects=self.objects,
            recording=partial(self.objects.recording, self.catalog),
            files=self.objects.blobs,
            duplicates=self.duplicates,
            ids=self.ids,
            clock=self.clock,
        )

    @cached_property
    def arrivals(self) -> UploadArrivals:
        """The handler of the notifications of S3."""
        from chalicelib.uploads.arrivals import UploadArrivals

        return UploadArrivals(self.store, self.promotion, self.objects.blobs)

    @cached_property
    def confirming(self) -> UploadConfirming:
        """Confirms uploads."""
        from chalicelib.uploads.confirming import UploadConfirming

        return UploadConfirming(self.store, self.promotion, self.tasks, self._new_batches, self.clock)

    def worker(self) -> UploadConfirmationWorker:
        """Returns the worker of the tasks that confirm uploads."""
        from chalicelib.uploads.confirmation_task import UploadConfirmationWorker

        return UploadConfirmationWorker(self.store, self.promotion, self.confirming, self.tasks)

    def batch_worker(self) -> BatchConfirmationWorker:
        """Returns the worker of the tasks that confirm several uploads."""
        from chalicelib.uploads.confirmation_task import BatchConfirmationWorker

        return BatchConfirmationWorker(self.store, self.objects.buckets, self.confirming, self.tasks)

    def cleaner(self) -> UploadCleaner:
        """Returns the cleaner of the uploads to a bucket."""
        from chalicelib.uploads.cleaning import UploadCleaner

        return UploadCleaner(self.store, self.objects.blobs)

    @cached_property
    def services(self) -> UploadServices:
        """The services for operations."""
        from chalicelib.uploads.canceling import UploadCanceling
        from chalicelib.uploads.creating import UploadCreation
        from chalicelib.uploads.facade import UploadServices

        buckets, files = self.objects.buckets, self.objects.blobs
        creation = UploadCreation(self.store, buckets, self.objects, files, self.duplicates, self.ids, self.clock)
        return UploadServices(
            store=self.store,
            creation=creation,
            confirming=self.confirming,
            canceling=UploadCanceling(self.store, self.promotion, self.clock),
            buckets=buckets,
            files=files,
            clock=self.clock,
        )

    def _new_batches(self) -> UploadBatches:
        from chalicelib.uploads.batching import UploadBatches

        return UploadBatches(self.store, self.batches(), self.clock)
