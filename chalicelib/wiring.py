"""Builds the services of a process from its settings. No other module chooses concrete clients, tables and stores.

The import builds nothing. The first call of `services()` builds the services, and later calls return the same ones.
"""

from __future__ import annotations

import gc
import os
import secrets
from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING

from chalicelib.access.service import Access
from chalicelib.access.store import AccessStore
from chalicelib.aws.dynamodb.table import Table
from chalicelib.blobs.service import Blobs
from chalicelib.blobs.store import BlobStore
from chalicelib.buckets.adapter_builder import AdapterOptions
from chalicelib.buckets.service import Buckets
from chalicelib.buckets.store import BucketStore
from chalicelib.core import log
from chalicelib.core.cache import Cache
from chalicelib.core.clock import Clock, system_clock
from chalicelib.core.ids import Ids
from chalicelib.deletion.service import BUCKET_DELETION, NAMESPACE_DELETION, Deletions
from chalicelib.health.checks import Checks
from chalicelib.namespaces.service import Namespaces
from chalicelib.namespaces.store import NamespaceStore
from chalicelib.objects.service import Objects
from chalicelib.objects.store import ObjectStore
from chalicelib.services import Services
from chalicelib.settings import Settings, base_url, read_settings
from chalicelib.tasks.service import Tasks
from chalicelib.tasks.store import TaskStore

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

    from chalicelib.aws.queues import WorkQueue
    from chalicelib.stats.handlers import ChangeFeed, Dispatcher, GarbageCollector
    from chalicelib.tasks.queue import TaskQueue
    from chalicelib.tasks.runner import Runner
    from chalicelib.tasks.worker import Worker

CACHE_SECONDS = 60.0
# Almost no object of a cold start is garbage. With Python's default threshold, the garbage collector would take 5 % of
# the time of a cold start.
GC_THRESHOLD = 50_000


def new_webhook_secret() -> str:
    """Returns a new secret for the signatures of webhooks, with 256 random bits."""
    return f"whsec_{secrets.token_urlsafe(32)}"


def build(
    settings: Settings,
    client: DynamoDBClient,
    s3: Callable[[], S3Client],
    sqs: Callable[[], WorkQueue] | None = None,
    *,
    probe: Callable[[], DynamoDBClient] | None = None,
    clock: Clock = system_clock,
) -> Services:
    """Returns services that use this DynamoDB client. `s3` and `sqs` are called when their client is first needed.

    Health checks use the client of `probe`, which has short timeouts, or `client` if there is no probe.
    """
    ids = Ids(clock)
    catalog = Table(client, settings.catalog_table)
    objects = Table(client, settings.objects_table)

    def seconds() -> float:
        return clock().timestamp()

    object_store, blobs = ObjectStore(objects), BlobStore(s3, settings.blob_bucket)
    configuration = AdapterOptions(base_url(settings), new_webhook_secret)
    buckets = Buckets(BucketStore(catalog), object_store, configuration, ids, clock)
    object_service = Objects(object_store, Blobs(blobs, ids), buckets, ids, clock)
    namespaces = Namespaces(
        NamespaceStore(catalog),
        ids,
        clock,
        resolved=Cache(seconds, seconds=CACHE_SECONDS),
        resolved_by_key=Cache(seconds, seconds=CACHE_SECONDS),
    )
    queue = sqs or connect_sqs(settings)
    task_store = TaskStore(catalog)
    tasks = Tasks(task_store, ids, clock)
    return Services(
        access=Access(AccessStore(catalog), ids, clock, Cache(seconds, seconds=CACHE_SECONDS)),
        namespaces=namespaces,
        buckets=buckets,
        objects=object_service,
        blobs=blobs,
        checks=build_checks(settings, probe or (lambda: client)),
        tasks=tasks,
        deletions=Deletions(namespaces, buckets, tasks),
        change_feed=cache(
            lambda: build_feed(
                settings, catalog, objects, queue, clock, object_service, dispatcher=build_outbox(settings, queue)
            )
        ),
        task_runner=cache(
            lambda: build_runner(settings, task_store, queue, build_workers(namespaces, object_service), clock)
        ),
    )


def build_checks(settings: Settings, client: Callable[[], DynamoDBClient]) -> Checks:
    """Returns the health checks: each reads one row of a table."""

    def catalog() -> object:
        return Table(client(), settings.catalog_table).get({"pk": "HEALTH", "sk": "HEALTH"})

    def objects() -> object:
        return Table(client(), settings.objects_table).get({"bucket_id": "HEALTH", "object_id": "HEALTH"})

    return Checks({"metadata": catalog}, {"metadata": objects})


def build_feed(
    settings: Settings,
    catalog: Table,
    objects: Table,
    sqs: Callable[[], WorkQueue],
    clock: Clock,
    garbage_collector: GarbageCollector | None = None,
    *,
    dispatcher: Dispatcher | None = None,
) -> ChangeFeed:
    """Returns the handler of stream records."""
    from chalicelib.stats.dead_letters import DeadLetters
    from chalicelib.stats.handlers import ChangeFeed
    from chalicelib.stats.service import Statistics
    from chalicelib.stats.store import TallyStore
    from chalicelib.stats.tallies import Tallies

    stats = Statistics(Tallies(TallyStore(catalog), catalog, objects, clock))
    dead_letters = DeadLetters(sqs, settings.dead_letter_queue_url)
    return ChangeFeed(stats, dead_letters, settings.single_stream_shard, garbage_collector, dispatcher)


def build_workers(namespaces: Namespaces, objects: Objects) -> dict[str, Callable[[], Worker]]:
    """Returns the worker of each task type.

    A package that stores data of a bucket adds a cleaner here, which deletes the data with the bucket.
    """
    from chalicelib.blobs.cleaning import ObjectFileCleaner
    from chalicelib.deletion.workers import BucketDeletion, NamespaceDeletion
    from chalicelib.objects.cleaning import ObjectRowCleaner

    cleaners = (ObjectRowCleaner(objects.store), ObjectFileCleaner(objects.blobs.store))
    return {
        BUCKET_DELETION: lambda: BucketDeletion(objects.buckets, cleaners),
        NAMESPACE_DELETION: lambda: NamespaceDeletion(namespaces, objects.buckets, cleaners),
    }


def build_outbox(settings: Settings, sqs: Callable[[], WorkQueue]) -> Dispatcher:
    """Returns the dispatcher that sends a message for each task that is started, from the catalog's stream."""
    from chalicelib.tasks.outbox import Outbox

    return Outbox(build_queue(settings, sqs))


def build_queue(settings: Settings, sqs: Callable[[], WorkQueue]) -> TaskQueue:
    """Returns the queue of background tasks."""
    from chalicelib.tasks.queue import TaskQueue

    embedded = "embedded" if settings.engine == "embedded" else ""
    return TaskQueue(sqs, settings.task_queue_url or embedded)


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


def connect(settings: Settings) -> DynamoDBClient:
    """Returns a DynamoDB client of the engine in the settings."""
    if settings.engine == "embedded":
        from chalicelib.local import engine

        return engine.connect(settings)
    from chalicelib.aws.clients import dynamodb_client

    return dynamodb_client(settings)


def connect_probe(settings: Settings, client: DynamoDBClient) -> Callable[[], DynamoDBClient]:
    """Returns a function that creates, on its first call, a client of the same engine with short timeouts."""

    @cache
    def probe() -> DynamoDBClient:
        if settings.engine == "embedded":  # it runs in this process
            return client
        from chalicelib.aws.clients import probe_client

        return probe_client(settings)

    return probe


def connect_s3(settings: Settings) -> Callable[[], S3Client]:
    """Returns a function that creates an S3 client on its first call. Most requests need none."""

    @cache
    def client() -> S3Client:
        if settings.engine == "embedded":
            from chalicelib.local import engine

            return engine.connect_s3(settings)
        from chalicelib.aws.clients import s3_client

        return s3_client(settings)

    return client


def connect_sqs(settings: Settings) -> Callable[[], WorkQueue]:
    """Returns a function that creates an SQS client on its first call. No request and few stream records need one."""

    @cache
    def client() -> WorkQueue:
        if settings.engine == "embedded":
            from chalicelib.local.events.task_source import local_queue

            return local_queue()
        from chalicelib.aws.clients import sqs_client

        return sqs_client(settings)

    return client


@cache
def services() -> Services:
    """Returns the services of this process, built from the environment variables."""
    gc.set_threshold(GC_THRESHOLD)
    settings = read_settings(os.environ)
    log.configure(settings.log_level)
    client = connect(settings)
    return build(settings, client, connect_s3(settings), probe=connect_probe(settings, client))
