"""The operations on the cost page, measured with an engine in this process."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

from bench.capacity import Ledger
from bench.events import new_sources
from bench.scenario import BODY, KEY, OBJECT, OBJECTS, gateway_event
from bench.uploads import uploads
from bench.webhooks import webhooks
from chalicelib.local.events.wiring import MAX_BATCH_RECORDS

if TYPE_CHECKING:
    from chalicelib.services import Services

FILE_KILOBYTES = 100
EXISTING_OBJECTS = 110
BATCH_OBJECTS = 1000
NAMESPACE = "/v1/namespaces/{namespace_identifier}"
BUCKET = "/v1/buckets/{bucket_identifier}"
OBJECT_PATH = OBJECTS + "/{object_identifier}"
BATCHES = BUCKET + "/batches"
BATCH = BATCHES + "/{batch_id}"
Json = dict[str, Any]
SCHEMA: Json = {"properties": {**BODY["bucket_schema"]["properties"], "synopsis": {"type": "text"}}}  # type: ignore[index]


@dataclass(frozen=True)
class Row:
    """The averages of one operation: calls to AWS, capacity units of DynamoDB, and calls to S3.

    `s3_reads` of the calls to S3 are GET and HEAD requests, which have read `read_bytes`. `cpu_ms` is the CPU time of
    this code and of botocore. It does not include the time of the engine.
    """

    name: str
    calls: float
    read_units: float
    write_units: float
    s3_requests: float
    cpu_ms: float
    s3_reads: float = 0
    read_bytes: float = 0
    background: bool = False


class World:
    """An organization with a namespace, and counters of its calls. Units are counted only if `counting` is true."""

    def __init__(self, *, counting: bool) -> None:
        from chalicelib.api import create_app
        from chalicelib.aws.clients import dynamodb_client, s3_client
        from chalicelib.local.events.queues import LocalSqs
        from chalicelib.local.events.streams import Streams
        from chalicelib.local.moto.direct_calls import call_directly
        from chalicelib.local.tables import create_tables
        from chalicelib.settings import Settings
        from chalicelib.wiring import build

        settings = Settings(
            blob_bucket=f"bench-{uuid.uuid4().hex[:12]}", task_queue_url="embedded", batch_queue_url="embedded batches"
        )
        self.backends = _timed_backends()
        client, s3 = dynamodb_client(settings), s3_client(settings)
        self.backends.attach(client)
        self.backends.attach(s3)
        create_tables(client, catalog=settings.catalog_table, objects=settings.objects_table)
        s3.create_bucket(Bucket=settings.blob_bucket)
        self.ledger = Ledger()
        if counting:
            reader = dynamodb_client(settings)
            self.backends.attach(reader)
            # Calls without HTTP take less time. The CPU time, which includes the engine then, is not used.
            for each in (client, reader):
                call_directly(each, self.backends)
            self.ledger.watch(
                client, reader, {"CatalogTable": settings.catalog_table, "ObjectsTable": settings.objects_table}
            )
        self.s3 = s3
        self.settings = settings
        self.calls = self.s3_requests = self.s3_reads = self.read_bytes = 0
        client.meta.events.register("before-call.dynamodb", self._count)
        s3.meta.events.register("before-call.s3", self._count_s3)
        s3.meta.events.register("after-call.s3.GetObject", self._count_bytes)
        self.services = build(settings, client, lambda: s3, LocalSqs)
        self.app = create_app(lambda: self.services)
        self.sources = new_sources(self.services, Streams(self.backends, {}), settings, _fail)
        self.organization = _organization(self.services)

    def _count(self, **_: Any) -> None:
        self.calls += 1

    def _count_s3(self, model: Any, **_: Any) -> None:
        self.calls += 1
        self.s3_requests += 1
        self.s3_reads += model.name in ("GetObject", "HeadObject")

    def _count_bytes(self, parsed: dict[str, Any], **_: Any) -> None:
        self.read_bytes += parsed.get("ContentLength", 0)

    def call(self, method: str, resource: str, variables: dict[str, str] | None = None, body: Any = None) -> Any:
        """Returns the body of the response. An error ends the benchmark."""
        response = self.app(gateway_event(method, resource, variables or {}, body), None)
        assert response["statusCode"] in (200, 204), response
        return json.loads(response["body"]) if response["body"] else None

    def measured(self, name: str, run: Callable[[int], object], runs: int) -> Row:
        """Measures an operation as the average of `runs`, after a first run that is not measured."""
        run(0)
        return self._measured(name, run, runs)

    def in_background(self, name: str, run: Callable[[], object]) -> Row:
        """Measures one run of work in the background."""
        return replace(self._measured(name, lambda _: run(), 1), background=True)

    def _measured(self, name: str, run: Callable[[int], object], runs: int) -> Row:
        before, started = self._counts(), time.process_time() - self.backends.spent
        with self.ledger.open():
            for number in range(1, runs + 1):
                run(number)
        seconds = time.process_time() - self.backends.spent - started
        calls, reads, writes, files, file_reads, read_bytes = (
            (now - earlier) / runs for now, earlier in zip(self._counts(), before, strict=True)
        )
        cpu_ms = 1000 * seconds / runs
        return Row(name, calls, reads, writes, files, cpu_ms, s3_reads=file_reads, read_bytes=read_bytes)

    def _counts(self) -> tuple[float, ...]:
        ledger = self.ledger
        units = ledger.read_units, ledger.write_units
        return self.calls, *units, self.s3_requests, self.s3_reads, self.read_bytes


def measure(runs: int, *, counting: bool) -> Iterator[Row]:
    """Measures all operations, one after another, `runs` times each."""
    world = World(counting=counting)
    yield from _catalog(world, runs)
    yield from _objects(world, runs)
    yield from _background(world, runs)
    yield from _batches(world, runs)
    yield from webhooks(world, runs)
    yield from uploads(world, runs)


def _catalog(world: World, runs: int) -> Iterator[Row]:
    def bucket(number: int, kind: str) -> Json:
        return {**BODY, "bucket_name": f"{kind} {number:04}"}

    ids = [world.call("POST", "/v1/buckets", body=bucket(n, "poster"))["bucket_id"] for n in range(30)]
    world.sources.drain()
    plain_bucket = {"bucket_identifier": ids[0]}
    yield world.measured(
        "get a namespace", lambda n: world.call("GET", NAMESPACE, {"namespace_identifier": "ns_bench"}), runs
    )
    yield world.measured("create a bucket", lambda n: world.call("POST", "/v1/buckets", body=bucket(n, "still")), runs)
    yield world.measured("get a bucket", lambda n: world.call("GET", BUCKET, plain_bucket), runs)
    yield world.measured(
        "change a bucket", lambda n: world.call("PATCH", BUCKET, plain_bucket, {"description": f"Number {n:04}"}), runs
    )
    listing: dict[str, Json] = {
        "list 20 buckets": {"limit": 20},
        "find buckets by the beginning of their names": {"limit": 20, "search": "poster 00*"},
    }
    for name, body in listing.items():
        yield world.measured(name, partial(_list, world, "/v1/buckets/list", {}, body), runs)


def _objects(world: World, runs: int) -> Iterator[Row]:
    plain = world.call(
        "POST", "/v1/buckets", body={**BODY, "bucket_name": "plain", "unique_key": None, "bucket_schema": SCHEMA}
    )["bucket_id"]
    keyed = world.call("POST", "/v1/buckets", body={**BODY, "bucket_name": "keyed"})["bucket_id"]
    plain_bucket, keyed_bucket = {"bucket_identifier": plain}, {"bucket_identifier": keyed}

    def create(variables: dict[str, str], fields: Json) -> str:
        return str(world.call("POST", OBJECTS, variables, fields)["object_id"])

    def film(number: int, **more: Any) -> Json:
        return {**OBJECT, "film_id": f"tt{number:07}", **more}

    made = [create(plain_bucket, film(n)) for n in range(EXISTING_OBJECTS)]
    world.sources.drain()
    deletable = iter(made)
    one = {**plain_bucket, "object_identifier": made[-1]}
    yield world.measured("create an object", lambda n: create(plain_bucket, film(n)), runs)
    yield world.measured("create an object under a unique key", lambda n: create(keyed_bucket, film(n)), runs)
    yield world.measured(
        f"create an object with a file of {FILE_KILOBYTES} KB",
        lambda n: create(plain_bucket, film(n, blobs=[_file(n)])),
        runs,
    )
    yield world.measured(
        "the same, skipping duplicates",
        lambda n: create(plain_bucket, film(n, blobs=[_file(runs + 1 + n)], skip_duplicates=True)),
        runs,
    )
    yield world.measured(
        "create 100 objects in one request",
        lambda n: world.call(
            "POST", OBJECTS + "/batch", plain_bucket, {"objects": [film(100 * n + m) for m in range(100)]}
        ),
        runs,
    )
    yield world.measured("get an object", lambda n: world.call("GET", OBJECT_PATH, one), runs)
    for size in (20, 100):
        yield world.measured(
            f"list {size} objects", partial(_list, world, OBJECTS + "/list", plain_bucket, {"limit": size}), runs
        )
    yield world.measured("change an object", lambda n: world.call("PATCH", OBJECT_PATH, one, {"year": 1900 + n}), runs)
    yield world.measured(
        "delete an object",
        lambda n: world.call("DELETE", OBJECT_PATH, {**plain_bucket, "object_identifier": next(deletable)}),
        runs,
    )


def _background(world: World, runs: int) -> Iterator[Row]:

    def bucket(number: int, kind: str) -> dict[str, str]:
        body = {**BODY, "bucket_name": f"{kind} {number:04}", "unique_key": None}
        return {"bucket_identifier": world.call("POST", "/v1/buckets", body=body)["bucket_id"]}

    def fill(variables: dict[str, str], objects: int) -> None:
        for start in range(0, objects, 100):
            rows = [{**OBJECT, "film_id": f"tt{start + m:07}"} for m in range(min(100, objects - start))]
            world.call("POST", OBJECTS + "/batch", variables, {"objects": rows})

    def delete(variables: dict[str, str]) -> Any:
        task_id = world.call("DELETE", BUCKET, variables)["task_id"]
        return world.services.tasks.get(world.organization, task_id)

    def work(task: Any) -> None:
        worker = world.services.runner.workers[task.task_type]()
        while not worker.run(task).done:
            pass

    large = bucket(0, "large")
    fill(large, 1)
    world.sources.drain()
    for objects, name in (
        (1, "count a written object"),
        (MAX_BATCH_RECORDS, f"count {MAX_BATCH_RECORDS} written objects at once"),
    ):
        fill(large, objects)
        yield world.in_background(name, world.sources.objects.deliver)
        world.sources.drain()
    empty_buckets = [bucket(n, "deleted") for n in range(runs + 1)]
    tasks: list[Any] = []
    yield world.measured("delete a bucket", lambda n: tasks.append(delete(empty_buckets[n])), runs)
    work(tasks[0])
    task = delete(large)
    yield world.in_background(f"remove {MAX_BATCH_RECORDS + 2} objects of a deleted bucket", lambda: work(task))


def _batches(world: World, runs: int) -> Iterator[Row]:
    from chalicelib.batches.queue import chunk_message, finish_message

    body = {**BODY, "bucket_name": "processed", "unique_key": None}
    bucket_id = world.call("POST", "/v1/buckets", body=body)["bucket_id"]
    bucket = {"bucket_identifier": bucket_id}
    ids: list[str] = []
    for start in range(0, BATCH_OBJECTS, 100):
        rows = [{**OBJECT, "film_id": f"tt{start + number:07}"} for number in range(100)]
        done = world.call("POST", OBJECTS + "/batch", bucket, {"objects": rows})["succeeded"]
        ids += [each["object_id"] for each in done]
    made: list[str] = []

    def create(_: int) -> None:
        made.append(world.call("POST", BATCHES, bucket, {"object_ids": ids})["batch_id"])

    def on_batch(end: str, method: str = "POST") -> Callable[[int], None]:
        def run(number: int) -> None:
            world.call(method, BATCH + end, {**bucket, "batch_id": made[number]}, {} if end == "/submit" else None)

        return run

    def find(number: int) -> Any:
        reader = world.services.batches.reader
        return reader.batches.get(reader.locate(world.organization, made[number]), made[number])

    def work(number: int) -> None:
        """Does everything that the functions of tasks and of batches do for a batch."""
        task = world.services.tasks.get(world.organization, str(find(number).task_id))
        worker = world.services.runner.workers[task.task_type]()
        worker.run(task)
        worker.run(replace(task, progress={"_queued": 0}))
        handler, batch = world.services.batch_messages, find(number)
        for chunk in range(batch.chunk_count):
            handler.runner().run(chunk_message(batch, chunk), lambda: False)
        handler.finishing().run(finish_message(batch))

    yield world.measured(f"create a batch of {BATCH_OBJECTS} objects", create, runs)
    yield world.measured("get a draft", on_batch("", "GET"), runs)
    yield world.measured("list 20 batches", partial(_list, world, BATCHES + "/list", bucket, {"limit": 20}), runs)
    submit, cancel = on_batch("/submit"), on_batch("/cancel")
    measured: list[Row] = []
    for number in range(runs + 1):  # one after another, because they have the same objects
        measured.append(world.in_background("submit a batch", partial(submit, number)))
        measured.append(world.in_background("cancel a batch", partial(cancel, number)))
    for row in (measured[-2], measured[-1]):
        yield replace(row, background=False)
    create(0)
    submit(len(made) - 1)
    world.sources.drain()
    yield world.in_background(f"process a batch of {BATCH_OBJECTS} objects", partial(work, len(made) - 1))
    assert find(len(made) - 1).status == "COMPLETED"
    yield world.in_background(f"count the progress of {BATCH_OBJECTS} objects", world.sources.drain)


def _list(world: World, path: str, variables: dict[str, str], body: Json, _: int) -> None:
    world.call("POST", path, variables, body)


def _file(number: int) -> Json:
    text = f"{number:06}".ljust(FILE_KILOBYTES * 1024, ".")
    return {"property": "synopsis", "type": "text", "data": text}


def _fail(message: str) -> NoReturn:
    raise AssertionError(message)


def _organization(services: Services) -> str:
    from chalicelib.namespaces.models import CreateNamespaceRequest

    organization = services.access.create_organization("bench").organization_id
    services.access.create_key(organization, name="bench", secret=KEY)
    services.namespaces.create(organization, CreateNamespaceRequest(namespace_name="bench", namespace_id="ns_bench"))
    return organization


def _timed_backends() -> Any:
    from chalicelib.local.moto.backends import Backends

    class Timed(Backends):
        """Measures the CPU seconds of the engine."""

        spent = 0.0

        def send(self, request: Any, content: Any = None) -> Any:
            started = time.process_time()
            try:
                return super().send(request, content)
            finally:
                self.spent += time.process_time() - started

    return Timed()
