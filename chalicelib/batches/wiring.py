"""Builds the services of batches. Only `chalicelib.wiring` uses it."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property

from chalicelib.aws.dynamodb.table import Table
from chalicelib.aws.queues import WorkQueue
from chalicelib.aws.vault import Vault
from chalicelib.batches.auto_submission import AutoSubmission
from chalicelib.batches.bulk import BulkSubmission
from chalicelib.batches.chunk_store import ChunkStore
from chalicelib.batches.cleaning import BatchCleaner
from chalicelib.batches.closing import Closing
from chalicelib.batches.facade import BatchServices
from chalicelib.batches.finishing import Finishing
from chalicelib.batches.item import ItemProcessing
from chalicelib.batches.messages import BatchMessages, WindowHandler
from chalicelib.batches.queue import BatchQueue
from chalicelib.batches.reading import BatchReader
from chalicelib.batches.recovery import Recovery
from chalicelib.batches.removal import BatchRemoval
from chalicelib.batches.reruns import Reruns
from chalicelib.batches.running import ChunkRunner
from chalicelib.batches.service import Batches
from chalicelib.batches.starting import BatchStart
from chalicelib.batches.store import BatchStore
from chalicelib.batches.webhook import WebhookNotifier
from chalicelib.core.clock import Clock
from chalicelib.core.errors import invalid
from chalicelib.core.ids import Ids
from chalicelib.namespaces.service import Namespaces
from chalicelib.objects.service import Objects
from chalicelib.outbound.client import GuardedClient
from chalicelib.outbound.errors import UrlRefused
from chalicelib.outbound.signatures import new_webhook_secret
from chalicelib.outbound.urls import check_url
from chalicelib.processing.processor import Processor
from chalicelib.tasks.service import Tasks


def new_owner() -> str:
    """Returns a random id for the owner of a lease."""
    return secrets.token_hex(6)


@dataclass(frozen=True)
class BatchParts:
    """Builds each service of batches when it is first needed.

    `processor` returns the hook, and `windows` the handler of the messages about windows. `http` returns the client
    that sends webhooks; by default it is built from the settings.
    """

    catalog: Table
    objects: Objects
    namespaces: Namespaces
    tasks: Tasks
    vault: Vault
    sqs: Callable[[], WorkQueue]
    queue_url: str
    processor: Callable[[], Processor]
    windows: Callable[[], WindowHandler]
    ids: Ids
    clock: Clock
    allow_private_urls: bool = False
    http: Callable[[], GuardedClient] | None = None

    @cached_property
    def store(self) -> BatchStore:
        """The rows of batches."""
        return BatchStore(self.catalog)

    @cached_property
    def chunks(self) -> ChunkStore:
        """The rows of chunks."""
        return ChunkStore(self.catalog)

    @cached_property
    def queue(self) -> BatchQueue:
        """The queue of batches."""
        return BatchQueue(self.sqs, self.queue_url)

    @cached_property
    def closing(self) -> Closing:
        """Ends batches."""
        return Closing(self.store, self.chunks, self.tasks, self.clock)

    @cached_property
    def removal(self) -> BatchRemoval:
        """Removes batches."""
        return BatchRemoval(self.store, self.chunks, self.objects.blobs, self.clock)

    @cached_property
    def services(self) -> BatchServices:
        """The services for operations and commands."""
        batches = Batches(
            self.store,
            self.chunks,
            self.objects.buckets,
            self.objects,
            self.tasks,
            self.closing,
            self.removal,
            self.vault,
            self.ids,
            self.clock,
        )
        return BatchServices(
            batches,
            BatchReader(batches, self.objects.blobs.presigned_key),
            Reruns(batches),
            AutoSubmission(batches),
            BulkSubmission(batches),
            self.namespaces,
            Recovery(self.store, self.chunks, self.queue),
            new_webhook_secret,
            self.check_webhook_url,
        )

    @cached_property
    def messages(self) -> BatchMessages:
        """The handler of the messages of batches."""
        items = ItemProcessing(self.objects, self.processor, self.clock)
        runner = ChunkRunner(self.store, self.chunks, items, self.closing, self.clock, new_owner)
        notifier = WebhookNotifier(self.http or cache(self._connect), self.vault)
        finishing = Finishing(self.store, self.chunks, self.objects.blobs, notifier, self.clock)
        return BatchMessages(
            self.queue, lambda: runner, lambda: finishing, self.windows, lambda: self.processor().max_seconds
        )

    def _connect(self) -> GuardedClient:
        return GuardedClient(allow_private=self.allow_private_urls)

    def start(self) -> BatchStart:
        """Returns the worker of the tasks of batches."""
        return BatchStart(self.store, self.chunks, self.objects.blobs, self.queue, self.clock)

    def cleaner(self) -> BatchCleaner:
        """Returns the cleaner of the batches of a bucket."""
        return BatchCleaner(self.store, self.closing, self.removal)

    def check_webhook_url(self, url: str) -> None:
        """Raises RequestInvalid for a URL to which the service makes no requests."""
        try:
            check_url(url, allow_private=self.allow_private_urls)
        except UrlRefused as error:
            raise invalid("body", "webhook_url", message=error.text, type=error.reason) from error
