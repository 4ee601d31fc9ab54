"""Builds the services of a process from its settings. No other module chooses concrete clients, tables and stores.

The import builds nothing. The first call of `services()` builds the services, and later calls return the same ones.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING

from chalicelib import keys
from chalicelib.access.service import Access
from chalicelib.access.store import AccessStore
from chalicelib.aws.dynamodb.table import Table
from chalicelib.aws.vault import Vault
from chalicelib.blobs.service import Blobs
from chalicelib.blobs.store import BlobStore
from chalicelib.buckets.adapter_builder import AdapterOptions
from chalicelib.buckets.service import Buckets
from chalicelib.buckets.store import BucketStore
from chalicelib.connections import (
    S3Connection,
    batch_queue_url,
    build_queue,
    connect,
    connect_events,
    connect_kms,
    connect_probe,
    connect_processor,
    connect_s3,
    connect_sqs,
    mirror_queue_url,
)
from chalicelib.core import log, metrics
from chalicelib.core.cache import Cache
from chalicelib.core.clock import Clock, system_clock
from chalicelib.core.ids import Ids
from chalicelib.deletion.service import BUCKET_DELETION, NAMESPACE_DELETION, Deletions
from chalicelib.health.checks import Checks
from chalicelib.namespaces.service import Namespaces
from chalicelib.namespaces.store import NamespaceStore
from chalicelib.objects.service import Objects
from chalicelib.objects.store import ObjectStore, uses_of_uploads
from chalicelib.outbound.signatures import new_webhook_secret
from chalicelib.services import Services
from chalicelib.settings import Settings, base_url, read_settings
from chalicelib.tasks.service import Tasks
from chalicelib.tasks.store import TaskStore
from chalicelib.tasks.task_types import (
    BATCH_PROCESSING,
    SOURCE_ADAPTER_REFRESH,
    UPLOAD_CONFIRMATION,
    UPLOADS_CONFIRMATION,
)

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

    from chalicelib.aws.queues import WorkQueue
    from chalicelib.batches.wiring import BatchParts
    from chalicelib.deliveries.wiring import DeliveryParts
    from chalicelib.mirroring.wiring import MirrorParts
    from chalicelib.outbound.client import GuardedClient
    from chalicelib.processing.processor import Processor
    from chalicelib.stats.handlers import ChangeFeed
    from chalicelib.tasks.runner import Runner
    from chalicelib.tasks.task import Task
    from chalicelib.tasks.worker import Worker
    from chalicelib.uploads.wiring import UploadParts

CACHE_SECONDS = 60.0
# Almost no object of a cold start is garbage. With Python's default threshold, the garbage collector would take 5 % of
# the time of a cold start.
GC_THRESHOLD = 50_000


def build(
    settings: Settings,
    client: DynamoDBClient,
    s3: Callable[[], S3Client],
    sqs: Callable[[], WorkQueue] | None = None,
    *,
    probe: Callable[[], DynamoDBClient] | None = None,
    clock: Clock = system_clock,
    processor: Callable[[], Processor] | None = None,
    http: Callable[[], GuardedClient] | None = None,
) -> Services:
    """Returns services that use this DynamoDB client. `s3` and `sqs` are called when their client is first needed.

    Large files are copied with `s3.copies` if it is an S3Connection. Health checks use the client of `probe`, which has
    short timeouts, or `client` if there is no probe. `processor` replaces the hook of the settings, and `http` the
    client that sends webhooks and fetches files.
    """
    ids = Ids(clock)
    catalog = Table(client, settings.catalog_table)
    objects = Table(client, settings.objects_table)

    def seconds() -> float:
        return clock().timestamp()

    vault = Vault(settings.secrets_key, connect_kms(settings), seconds)
    object_store = ObjectStore(objects).with_companions(catalog, uses_of_uploads)
    blobs = _blob_store(s3, settings.blob_bucket)
    configuration = AdapterOptions(base_url(settings), new_webhook_secret, vault)
    buckets = Buckets(BucketStore(catalog), object_store, configuration, ids, clock)
    private = settings.allow_private_urls
    object_service = Objects(object_store, Blobs(blobs, ids), buckets, catalog, ids, clock, allow_private_urls=private)
    namespaces = Namespaces(
        NamespaceStore(catalog),
        ids,
        clock,
        resolved=Cache(seconds, seconds=CACHE_SECONDS),
        resolved_by_key=Cache(seconds, seconds=CACHE_SECONDS),
    )
    queue = sqs or connect_sqs(settings)
    task_store = TaskStore(catalog)
    tasks = Tasks(task_store, ids, clock, cancellers={BATCH_PROCESSING: lambda task: cancel_batch(parts(), task)})

    @cache
    def parts() -> BatchParts:
        from chalicelib.batches.wiring import BatchParts

        return BatchParts(
            catalog=catalog,
            objects=object_service,
            namespaces=namespaces,
            tasks=tasks,
            vault=vault,
            sqs=queue,
            queue_url=batch_queue_url(settings),
            processor=processor or cache(lambda: connect_processor(settings, object_service.blobs)),
            windows=lambda: delivery_parts().window_closing,
            ids=ids,
            clock=clock,
            allow_private_urls=settings.allow_private_urls,
            http=http,
        )

    @cache
    def delivery_parts() -> DeliveryParts:
        from chalicelib.deliveries.wiring import DeliveryParts

        return DeliveryParts(
            catalog=catalog,
            objects=object_service,
            vault=vault,
            tasks=tasks,
            batches=lambda: parts().services.batches,
            ids=ids,
            clock=clock,
        )

    @cache
    def upload_parts() -> UploadParts:
        from chalicelib.uploads.wiring import UploadParts

        return UploadParts(
            catalog=catalog,
            objects=object_service,
            tasks=tasks,
            batches=lambda: parts().services.batches,
            ids=ids,
            clock=clock,
        )

    @cache
    def mirror_parts() -> MirrorParts:
        from chalicelib.mirroring.wiring import MirrorParts

        return MirrorParts(object_service, queue, mirror_queue_url(settings), ids, clock, private, http)

    @cache
    def change_feed() -> ChangeFeed:
        from chalicelib.stream_wiring import build_event_feed, build_feed, build_outboxes

        dispatchers = build_outboxes(settings, queue, clock)
        outbound = build_event_feed(settings, connect_events(settings))
        return build_feed(
            settings, catalog, objects, queue, clock, object_service, dispatchers=dispatchers, outbound=outbound
        )

    return Services(
        access=Access(AccessStore(catalog), ids, clock, Cache(seconds, seconds=CACHE_SECONDS)),
        namespaces=namespaces,
        buckets=buckets,
        objects=object_service,
        blobs=blobs,
        checks=build_checks(settings, probe or (lambda: client)),
        tasks=tasks,
        deletions=Deletions(namespaces, buckets, tasks),
        change_feed=change_feed,
        task_runner=cache(
            lambda: build_runner(
                settings,
                task_store,
                queue,
                build_workers(namespaces, object_service, parts, delivery_parts, upload_parts),
                clock,
            )
        ),
        batch_services=lambda: parts().services,
        batch_message_handler=lambda: parts().messages,
        webhook_receiver=lambda: delivery_parts().receiver,
        delivery_services=lambda: delivery_parts().services,
        upload_services=lambda: upload_parts().services,
        arrival_handler=lambda: upload_parts().arrivals,
        mirror_message_handler=lambda: mirror_parts().messages,
    )


def _blob_store(s3: Callable[[], S3Client], bucket: str) -> BlobStore:
    return BlobStore(s3, bucket, copies=s3.copies if isinstance(s3, S3Connection) else None)


def cancel_batch(parts: BatchParts, task: Task) -> None:
    """Cancels the run of a batch that a task describes."""
    about = task.about
    rows = keys.batches(keys.partition(task.organization, str(about["namespace_id"])), str(about["bucket_id"]))
    parts.closing.cancel_run(rows, str(about["batch_id"]), task.task_id, "The task of the batch was canceled")


def build_checks(settings: Settings, client: Callable[[], DynamoDBClient]) -> Checks:
    """Returns the health checks: each reads one row of a table."""

    def catalog() -> object:
        return Table(client(), settings.catalog_table).get({"pk": "HEALTH", "sk": "HEALTH"})

    def objects() -> object:
        return Table(client(), settings.objects_table).get({"bucket_id": "HEALTH", "object_id": "HEALTH"})

    return Checks({"metadata": catalog}, {"metadata": objects})


def build_workers(
    namespaces: Namespaces,
    objects: Objects,
    batches: Callable[[], BatchParts],
    deliveries: Callable[[], DeliveryParts],
    uploads: Callable[[], UploadParts],
) -> dict[str, Callable[[], Worker]]:
    """Returns the worker of each task type.

    A package that stores data of a bucket adds a cleaner here, which deletes the data with the bucket.
    """
    from chalicelib.blobs.cleaning import ObjectFileCleaner
    from chalicelib.deletion.workers import BucketDeletion, NamespaceDeletion
    from chalicelib.objects.cleaning import ObjectRowCleaner

    cleaners = (
        uploads().cleaner(),
        deliveries().cleaner(),
        batches().cleaner(),
        ObjectRowCleaner(objects.store),
        ObjectFileCleaner(objects.blobs.store),
    )
    return {
        BATCH_PROCESSING: batches().start,
        SOURCE_ADAPTER_REFRESH: deliveries().fan_in,
        UPLOAD_CONFIRMATION: uploads().worker,
        UPLOADS_CONFIRMATION: uploads().batch_worker,
        BUCKET_DELETION: lambda: BucketDeletion(objects.buckets, cleaners),
        NAMESPACE_DELETION: lambda: NamespaceDeletion(namespaces, objects.buckets, cleaners),
    }


def build_runner(
    settings: Settings,
    store: TaskStore,
    sqs: Callable[[], WorkQueue],
    workers: Mapping[str, Callable[[], Worker]],
    clock: Clock,
) -> Runner:
    """Returns the runner of background tasks."""
    from chalicelib.tasks.runner import Runner

    return Runner(store, build_queue(settings, sqs), workers, clock)


@cache
def services() -> Services:
    """Returns the services of this process, built from the environment variables."""
    gc.set_threshold(GC_THRESHOLD)
    settings = read_settings(os.environ)
    log.configure(settings.log_level)
    metrics.configure(settings.metrics_service)
    client = connect(settings)
    return build(settings, client, connect_s3(settings), probe=connect_probe(settings, client))
