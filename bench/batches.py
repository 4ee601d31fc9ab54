"""Measures a large batch: its creation, its submission, the processing of its objects, and its end.

    python -m bench.batches --objects 50000

The engine is moto in this process, so times include moto. Capacity units are those of DynamoDB by its published rules.
The hook is one in this process that changes nothing, so the figures are those of the service. Exits with code 1 if an
object is not accounted for.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from bench.capacity import Ledger
from bench.deletion import say
from bench.events import new_sources
from bench.killed import Call, Clock
from chalicelib import keys
from chalicelib.aws.dynamodb.attribute_values import encode
from chalicelib.batches.models import CreateBatchRequest
from chalicelib.batches.service import Submission
from chalicelib.buckets.models import BucketCreateRequest
from chalicelib.buckets.place import BucketPlace
from chalicelib.local.client import local_client, local_s3_client
from chalicelib.local.events.queue_source import QueueSource
from chalicelib.local.events.queues import LocalSqs
from chalicelib.local.events.streams import Streams
from chalicelib.local.moto.backends import Backends
from chalicelib.local.moto.rows import REGION, put_row, rows_of
from chalicelib.local.tables import create_tables
from chalicelib.namespaces.models import CreateNamespaceRequest
from chalicelib.objects.stored_object import StoredObject, to_item
from chalicelib.processing.processor import BatchContext
from chalicelib.settings import Settings
from chalicelib.wiring import build

OBJECTS = 50_000
TASKS, BATCHES = "bench-tasks", "bench-batches"
PROGRESS_INTERVAL_SECONDS = 5.0


class BatchIncorrect(SystemExit):
    """An object of the batch is not accounted for."""


class EmptyHook:
    """A hook that changes nothing."""

    max_seconds = 1.0

    def process(self, stored: StoredObject, context: BatchContext) -> Mapping[str, Any]:
        """Returns no fields."""
        return {}

    def close(self) -> None:
        """Nothing to close."""


@dataclass(frozen=True)
class Cost:
    """What a step took: seconds, calls of AWS, and capacity units."""

    seconds: float
    calls: int
    read_units: float
    write_units: float


@dataclass
class Environment:
    """The real services with an engine of their own, and a bucket."""

    clock: Clock = field(default_factory=Clock)
    backends: Backends = field(default_factory=Backends)
    ledger: Ledger = field(default_factory=Ledger)
    calls: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        settings = Settings(task_queue_url=TASKS, batch_queue_url=BATCHES, blob_bucket=f"bench-{self.backends.account}")
        sqs = LocalSqs(self.clock.seconds)
        self.settings, self.tasks, self.batches = settings, sqs.queue(TASKS), sqs.queue(BATCHES)
        self.client, self.s3 = local_client(), local_s3_client(f"https://s3.{REGION}.amazonaws.com")
        reader = local_client()
        for client in (self.client, self.s3, reader):
            self.backends.attach(client)
        create_tables(self.client, catalog=settings.catalog_table, objects=settings.objects_table)
        self.s3.create_bucket(Bucket=settings.blob_bucket)
        tables = {"CatalogTable": settings.catalog_table, "ObjectsTable": settings.objects_table}
        self.ledger.watch(self.client, reader, tables)
        for client in (self.client, self.s3):
            client.meta.events.register("before-call", self._count)
        hook = EmptyHook()
        self.services = build(
            settings, self.client, lambda: self.s3, lambda: sqs, clock=self.clock, processor=lambda: hook
        )
        self.sources = new_sources(self.services, Streams(self.backends, {}), settings, say)
        self.organization = self.services.access.create_organization("bench").organization_id

    def new_bucket(self, objects: int) -> BucketPlace:
        """Creates a bucket with this many objects of about 200 bytes, and returns where it is."""
        new = CreateNamespaceRequest(namespace_name="bench")
        namespace = self.services.namespaces.create(self.organization, new).namespace_id
        partition = keys.partition(self.organization, namespace)
        body = {"bucket_name": "bench", "bucket_schema": {"properties": {"n": {"type": "integer"}}}}
        bucket_id = self.services.buckets.create(
            partition, BucketCreateRequest.model_validate(body, strict=False)
        ).bucket_id
        now = "2026-01-01T00:00:00.000Z"
        for number in range(objects):
            stored = StoredObject(partition, bucket_id, object_id_of(number), {"n": number}, (), now, now, 1, 0)
            put_row(self.backends.account, self.settings.objects_table, encode(to_item(stored)))
        return BucketPlace(self.organization, namespace, bucket_id)

    @contextmanager
    def measured(self, found: dict[str, Cost], name: str) -> Iterator[None]:
        """Measures a step, and stores its cost under this name."""
        ledger, calls = self.ledger, self.calls.total()
        read, written, started = ledger.read_units, ledger.write_units, time.perf_counter()
        with ledger.open():
            yield
        found[name] = Cost(
            time.perf_counter() - started,
            self.calls.total() - calls,
            ledger.read_units - read,
            ledger.write_units - written,
        )

    def deliver_task(self) -> None:
        """Delivers the messages of tasks that are due."""
        source = QueueSource(self.tasks, lambda event: self.services.runner.handle(event, Call()), say)
        while self.tasks.delay() == 0:
            source.deliver()

    def deliver_chunks(self, chunks: int) -> None:
        """Processes the chunks, one after the other, and delivers the streams after each."""
        source = QueueSource(self.batches, lambda event: self.services.batch_messages.handle(event, Call()), say)
        shown = 0.0
        for number in range(chunks):
            source.deliver()
            self.sources.drain()
            if time.monotonic() - shown > PROGRESS_INTERVAL_SECONDS:
                shown = time.monotonic()
                say(f"  {number + 1:4} of {chunks} chunks processed")

    def _count(self, model: Any, **_: Any) -> None:
        self.calls[model.name] += 1


def object_id_of(number: int) -> str:
    """Returns the id of an object."""
    return f"obj_{number:026}"


def measure(objects: int) -> list[str]:
    """Runs a batch with this many objects, and returns lines of results. Raises BatchIncorrect."""
    environment = Environment()
    say(f"Writing {objects} objects")
    place = environment.new_bucket(objects)
    environment.sources.drain()
    found: dict[str, Cost] = {}
    services, ids = environment.services.batches, [object_id_of(number) for number in range(objects)]
    with environment.measured(found, "create, without validation"):
        batch = services.batches.create(place, CreateBatchRequest(object_ids=ids), skip_validation=True)
    with environment.measured(found, "submit"):
        services.batches.submit(place, batch.batch_id, Submission())
    with environment.measured(found, "statistics of the above"):
        environment.sources.drain()
    with environment.measured(found, "start"):
        environment.deliver_task()
    with environment.measured(found, "process, count, and end"):
        environment.deliver_chunks(batch.chunk_count)
    with environment.measured(found, "report"):
        environment.deliver_chunks(1)
    _check(environment, place, batch.batch_id, objects)
    largest = _largest_chunk(environment)
    return [
        *(_line(name, cost, objects) for name, cost in found.items()),
        f"  largest state of a chunk: {largest} bytes",
    ]


def _check(environment: Environment, place: BucketPlace, batch_id: str, objects: int) -> None:
    services = environment.services.batches
    found = services.batches.get_with_tally(place, batch_id)
    audit = services.reader.audit(found.batch)
    tier = audit["tiers"][0]
    if found.batch.status != "COMPLETED" or not audit["all_balanced"] or tier["processed"] != objects:
        raise BatchIncorrect(f"the batch is {found.batch.status}: {tier}")


def _largest_chunk(environment: Environment) -> int:
    rows = rows_of(environment.backends.account, environment.settings.catalog_table)
    return max(
        sum(len(name) + len(str(next(iter(value.values())))) for name, value in row.items())
        for row in rows
        if str(row["sk"]["S"]).startswith("RUN#")
    )


def _line(name: str, cost: Cost, objects: int) -> str:
    thousands = objects / 1000
    return (
        f"  {name:28} {cost.seconds:7.1f} s   {cost.calls:7} calls   per thousand objects: "
        f"{cost.calls / thousands:7.1f} calls   {cost.read_units / thousands:7.1f} read units   "
        f"{cost.write_units / thousands:7.1f} write units"
    )


def arguments() -> argparse.ArgumentParser:
    """Returns the parser of the size of the batch."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--objects", type=int, default=OBJECTS, help="objects of the batch")
    return parser


def main() -> None:
    """Runs the batch, and prints the measurements."""
    import resource

    size = arguments().parse_args().objects
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    lines = measure(size)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(f"A batch of {size} objects", *lines, sep="\n")
    print(f"  peak memory: {grown:.0f} MB more than at the start, most of it for moto's rows and stream records")


if __name__ == "__main__":
    main()
