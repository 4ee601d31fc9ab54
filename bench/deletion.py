"""Measures the deletion of a large bucket and of a namespace with many buckets, by a worker that dies repeatedly.

    python -m bench.deletion --objects 200001 --buckets 500

The engine is moto in this process, so times include moto. Write units are those of DynamoDB. Exits with code 1 if
anything remains of what was deleted, or if anything else has changed.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from moto.s3.models import s3_backends

from bench.events import new_sources
from bench.killed import Clock, KillingWatch, run_until_empty
from chalicelib.aws.dynamodb.attribute_values import encode
from chalicelib.blobs.writer import BLOBS, blob_key
from chalicelib.buckets.models import BucketCreateRequest
from chalicelib.keys import partition
from chalicelib.local.client import local_client, local_s3_client
from chalicelib.local.events.queues import LocalSqs
from chalicelib.local.events.streams import Streams
from chalicelib.local.moto.backends import Backends
from chalicelib.local.moto.rows import REGION, put_row, rows_of
from chalicelib.local.tables import create_tables
from chalicelib.namespaces.models import CreateNamespaceRequest
from chalicelib.objects.models import CreateObjectRequest
from chalicelib.objects.stored_object import StoredObject, to_item
from chalicelib.settings import Settings
from chalicelib.wiring import build

OBJECTS = 200_001
BUCKETS = 500
OBJECTS_PER_BUCKET = 3
OBJECTS_PER_FILE = 10
DEATHS = 20
# The maximum number of rows that one call removes.
ROWS_PER_CALL = 25
PROGRESS_INTERVAL_SECONDS = 5.0


class DeletionIncorrect(SystemExit):
    """Something remains of the deleted resource, or something else has changed."""


@dataclass
class Environment:
    """The real services with an engine of their own, and an organization without data."""

    clock: Clock = field(default_factory=Clock)
    backends: Backends = field(default_factory=Backends)

    def __post_init__(self) -> None:
        # In moto, names of S3 buckets are unique across all accounts.
        self.settings = Settings(task_queue_url="bench", blob_bucket=f"bench-{self.backends.account}")
        sqs = LocalSqs(self.clock.seconds)
        self.queue = sqs.queue(self.settings.task_queue_url)
        self.client, self.s3 = local_client(), local_s3_client(f"https://s3.{REGION}.amazonaws.com")
        self.backends.attach(self.client)
        self.backends.attach(self.s3)
        create_tables(self.client, catalog=self.settings.catalog_table, objects=self.settings.objects_table)
        self.s3.create_bucket(Bucket=self.settings.blob_bucket)
        self.streams = Streams(self.backends, {})
        self.services = build(self.settings, self.client, lambda: self.s3, lambda: sqs, clock=self.clock)
        self.sources = new_sources(self.services, self.streams, self.settings, say)
        self.organization = self.services.access.create_organization("bench").organization_id

    def create_namespace(self, name: str) -> str:
        """Creates a namespace, and returns its partition."""
        new = CreateNamespaceRequest(namespace_name=name)
        return partition(self.organization, self.services.namespaces.create(self.organization, new).namespace_id)

    def create_bucket(self, partition: str, name: str) -> str:
        """Creates a bucket, and returns its id."""
        body = {"bucket_name": name, "bucket_schema": {"properties": {"f": {"type": "text"}}}}
        new = BucketCreateRequest.model_validate(body, strict=False)
        return self.services.buckets.create(partition, new).bucket_id

    def work(self, task_id: str, calls: int, report: Progress) -> tuple[Counter[str], int, float]:
        """Runs a task with workers that die. Returns the counts, the number of deaths, and the seconds."""
        watch = KillingWatch(DEATHS, calls, report, self.client, self.s3)
        started = time.perf_counter()
        with watch as counted:
            died = run_until_empty(self.queue, self.services.runner, self.clock, say)
        seconds = time.perf_counter() - started
        task = self.services.tasks.get(self.organization, task_id)
        if task.status != "COMPLETED":
            raise DeletionIncorrect(f"the task is {task.status}: {task.error}")
        return counted, died, seconds

    def check_nothing_remains(self, *ids: str) -> None:
        """Raises DeletionIncorrect if a row or a file contains one of these ids.

        Rows that DynamoDB removes later (`ttl`) do not count: tasks, and the reservation of the id of a namespace.
        """
        found = [row for row in self.rows() if "ttl" not in row and any(id_ in str(row) for id_ in ids)]
        files = [key for key in self.files() if any(id_ in key for id_ in ids)]
        if found or files:
            raise DeletionIncorrect(f"{len(found)} rows and {len(files)} files remain")

    def rows(self) -> list[dict[str, Any]]:
        """Returns the rows of both tables."""
        tables = (self.settings.catalog_table, self.settings.objects_table)
        return [row for table in tables for row in rows_of(self.backends.account, table)]

    def files(self) -> list[str]:
        """Returns the keys of all files."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.settings.blob_bucket, Prefix=BLOBS)
        return [each["Key"] for page in pages for each in page.get("Contents", ())]


class Progress:
    """Prints every few seconds how many rows have been removed, and calls a function each time."""

    def __init__(self, goal: int, then: Callable[[], None] = lambda: None) -> None:
        self._goal, self._then, self._next, self._started = goal, then, 0.0, time.monotonic()

    def __call__(self, counted: Counter[str]) -> None:
        """Prints the progress if the interval has passed."""
        now = time.monotonic() - self._started
        if now >= self._next:
            self._next = now + PROGRESS_INTERVAL_SECONDS
            say(f"  {now:4.0f} s   {counted['removed']:7} of {self._goal} rows removed")
            self._then()


def say(line: str) -> None:
    """Prints a line about the progress."""
    print(line, file=sys.stderr, flush=True)


def measure_bucket_deletion(objects: int) -> str:
    """Deletes a bucket with this number of objects, and returns a line of results. The worker dies twenty times."""
    environment = Environment()
    namespace_partition = environment.create_namespace("large")
    bucket_id = environment.create_bucket(namespace_partition, "large")
    say(f"Writing {objects} objects, every tenth with a file")
    _seed(environment, namespace_partition, bucket_id, objects)
    environment.streams.mark_rebuilt()
    namespace_id = namespace_partition.rpartition(".")[2]
    task_id = str(
        environment.services.deletions.delete_bucket(environment.organization, namespace_id, bucket_id).deletion_task
    )
    environment.sources.drain()
    # The objects were never counted, so their stream records are not needed; moto would keep gigabytes of them.
    progress = Progress(objects, environment.streams.mark_rebuilt)
    counted, died, seconds = environment.work(task_id, objects // ROWS_PER_CALL, progress)
    environment.check_nothing_remains(bucket_id)
    return (
        f"  bucket of {objects} objects   {objects / seconds:7.0f} objects a second   "
        f"{counted['units'] / objects:.4f} write units per object, at least 1   "
        f"{1000 * counted['calls'] / objects:.1f} calls per thousand   {died} deaths   nothing remains"
    )


def measure_namespace_deletion(buckets: int) -> str:
    """Deletes a namespace with this number of buckets, and returns a line of results. Others must not change."""
    environment = Environment()
    deleted, kept = environment.create_namespace("deleted"), environment.create_namespace("kept")
    say(f"Creating {buckets} buckets with {OBJECTS_PER_BUCKET} objects each")
    ids = [_fill(environment, deleted, f"b{number}") for number in range(buckets)]
    other = _fill(environment, kept, "kept")
    environment.sources.drain()
    before = _contents(environment, "kept", other)
    begun = environment.services.deletions.delete_namespace(environment.organization, deleted.rpartition(".")[2])
    environment.sources.drain()
    objects = buckets * OBJECTS_PER_BUCKET
    counted, died, seconds = environment.work(str(begun.deletion_task), 8 * buckets, Progress(objects))
    environment.sources.drain()
    environment.check_nothing_remains(begun.namespace_id, *ids)
    after = _contents(environment, "kept", other)
    if after != before or after[:3] != (1, OBJECTS_PER_BUCKET, 1):
        raise DeletionIncorrect(f"another namespace has changed: {before} {after}")
    return (
        f"  namespace of {buckets} buckets   {buckets / seconds:5.1f} buckets a second   "
        f"{(counted['units'] - counted['removed']) / buckets:.1f} write units per bucket besides its objects   "
        f"{died} deaths   nothing remains, the other namespace is unchanged"
    )


def _seed(environment: Environment, namespace_partition: str, bucket_id: str, objects: int) -> None:
    now, files = "2026-01-01T00:00:00.000Z", s3_backends[environment.backends.account]["aws"]
    for number in range(objects):
        object_id = f"obj_{number:026}"
        stored = StoredObject(namespace_partition, bucket_id, object_id, {"n": number}, (), now, now, 1, 0)
        put_row(environment.backends.account, environment.settings.objects_table, encode(to_item(stored)))
        if number % OBJECTS_PER_FILE == 0:
            files.put_object(environment.settings.blob_bucket, blob_key(bucket_id, object_id, "b"), b"x")


def _fill(environment: Environment, namespace_partition: str, name: str) -> str:
    bucket_id = environment.create_bucket(namespace_partition, name)
    for number in range(OBJECTS_PER_BUCKET):
        files = [{"property": "f", "type": "text", "data": "x"}] if number == 0 else []
        new = CreateObjectRequest.model_validate({"n": number, "blobs": files}, strict=False)
        environment.services.objects.create(namespace_partition, bucket_id, new)
    return bucket_id


def _contents(environment: Environment, name: str, bucket_id: str) -> tuple[int, int, int, list[Any]]:
    """Returns the numbers of buckets, objects and files of a namespace that has one bucket, and all its rows."""
    namespace = environment.services.namespaces.get(environment.organization, name)
    files = [key for key in environment.files() if bucket_id in key]
    rows = [row for row in environment.rows() if namespace.namespace_id in str(row)]
    return namespace.bucket_count, namespace.tally.object_count, len(files), rows


def arguments() -> argparse.ArgumentParser:
    """Returns the parser of the sizes of the bucket and the namespace."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--objects", type=int, default=OBJECTS, help="objects of the bucket that is deleted")
    parser.add_argument("--batch", type=int, default=50_000, help="objects of the batch that is processed")
    parser.add_argument("--buckets", type=int, default=BUCKETS, help="buckets of the namespace that is deleted")
    return parser


def main() -> None:
    """Deletes both, and prints the measurements."""
    sizes = arguments().parse_args()
    bucket, namespace = measure_bucket_deletion(sizes.objects), measure_namespace_deletion(sizes.buckets)
    print("Deletion by a worker that dies", bucket, namespace, sep="\n")


if __name__ == "__main__":
    main()
