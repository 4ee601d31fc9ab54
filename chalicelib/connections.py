"""Creates the clients and the queues of the engine in the settings."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, cached_property
from typing import TYPE_CHECKING

from chalicelib.aws.queues import LOCAL_BATCH_QUEUE, LOCAL_MIRROR_QUEUE, LOCAL_TASK_QUEUE
from chalicelib.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

    from chalicelib.aws.event_buses import EventsClient
    from chalicelib.aws.queues import WorkQueue
    from chalicelib.aws.vault import KeyClient
    from chalicelib.blobs.service import Blobs
    from chalicelib.processing.processor import Processor
    from chalicelib.tasks.queue import TaskQueue


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


class S3Connection:
    """Creates the S3 clients on first use. Most requests need none, and few processes copy large files."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def __call__(self) -> S3Client:
        """Returns the client."""
        return self._client

    def copies(self) -> S3Client:
        """Returns a client that waits for the copy of a large file."""
        return self._copy_client

    @cached_property
    def _client(self) -> S3Client:
        if self._settings.engine == "embedded":
            from chalicelib.local import engine

            return engine.connect_s3(self._settings)
        from chalicelib.aws.clients import s3_client

        return s3_client(self._settings)

    @cached_property
    def _copy_client(self) -> S3Client:
        if self._settings.engine == "embedded":  # it runs in this process
            return self._client
        from chalicelib.aws.clients import s3_copy_client

        return s3_copy_client(self._settings)


def connect_s3(settings: Settings) -> S3Connection:
    """Returns what creates the S3 clients of the engine in the settings."""
    return S3Connection(settings)


def connect_sqs(settings: Settings) -> Callable[[], WorkQueue]:
    """Returns a function that creates an SQS client on its first call. No request and few stream records need one."""

    @cache
    def client() -> WorkQueue:
        if settings.engine == "embedded":
            from chalicelib.local.events.queues import local_sqs

            return local_sqs()
        from chalicelib.aws.clients import sqs_client

        return sqs_client(settings)

    return client


def connect_events(settings: Settings) -> Callable[[], EventsClient]:
    """Returns a function that creates an EventBridge client on its first call. No request needs one."""

    @cache
    def client() -> EventsClient:
        from chalicelib.aws.clients import events_client

        return events_client(settings)

    return client


def connect_kms(settings: Settings) -> Callable[[], KeyClient]:
    """Returns a function that creates a KMS client on its first call. Only secrets need one, and only with a key."""

    @cache
    def client() -> KeyClient:
        from chalicelib.aws.clients import kms_client

        return kms_client(settings)

    return client


def connect_processor(settings: Settings, blobs: Blobs) -> Processor:
    """Returns the hook of the settings, which processes the objects of batches."""
    from chalicelib.aws.clients import lambda_client
    from chalicelib.processing.selection import build_processor

    return build_processor(settings, blobs, cache(lambda: lambda_client(settings, settings.processor_timeout_seconds)))


def batch_queue_url(settings: Settings) -> str:
    """Returns the URL of the queue of batches."""
    return LOCAL_BATCH_QUEUE if settings.engine == "embedded" else settings.batch_queue_url


def mirror_queue_url(settings: Settings) -> str:
    """Returns the URL of the queue of files by URL."""
    return LOCAL_MIRROR_QUEUE if settings.engine == "embedded" else settings.mirror_queue_url


def build_queue(settings: Settings, sqs: Callable[[], WorkQueue]) -> TaskQueue:
    """Returns the queue of background tasks."""
    from chalicelib.tasks.queue import TaskQueue

    return TaskQueue(sqs, LOCAL_TASK_QUEUE if settings.engine == "embedded" else settings.task_queue_url)
