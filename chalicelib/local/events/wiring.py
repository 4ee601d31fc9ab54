"""Connects the embedded engine's streams and queues with the event handlers of `app.py`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from chalicelib import keys
from chalicelib.aws.queues import LOCAL_BATCH_QUEUE, LOCAL_MIRROR_QUEUE, LOCAL_TASK_QUEUE
from chalicelib.local import engine
from chalicelib.local.events.continuing import continue_tasks
from chalicelib.local.events.pump import Pump
from chalicelib.local.events.queue_source import QueueSource
from chalicelib.local.events.queues import LocalQueue, local_sqs
from chalicelib.local.events.stream_source import StreamSource
from chalicelib.local.moto import rows
from chalicelib.mirroring.outbox import MARKER, pending
from chalicelib.mirroring.queue import MirrorQueue
from chalicelib.tasks.outbox import starts_a_task
from chalicelib.tasks.runner import MARGIN_SECONDS

if TYPE_CHECKING:
    from chalicelib.services import Services
    from chalicelib.settings import Settings

# The batch size of the stream handlers, as declared in `app.py`.
MAX_BATCH_RECORDS = 1000
HANDLER_MILLISECONDS = 60_000
# One thread serves streams and tasks, so a task runs for a second and then continues with its next message.
TASK_MILLISECONDS = int(1000 * MARGIN_SECONDS) + 1000
# The timeouts of the functions in `.chalice/config.json`.
BATCH_MILLISECONDS = 300_000
ARRIVAL_MILLISECONDS = 900_000
MIRROR_MILLISECONDS = 900_000
# A file by URL may take minutes, and must not delay the others.
MIRROR_THREADS = 4

Handler = Callable[[dict[str, Any], Any], Any]


class Handlers(NamedTuple):
    """The event handlers of the application, called with an event and a Lambda context.

    Without `batch`, batches wait: a process that ends soon must not start the hook for an object. Without `arrival`,
    uploaded files wait, and without `mirror`, files by URL do.
    """

    objects_changed: Handler
    catalog_changed: Handler
    task: Handler
    batch: Handler | None = None
    arrival: Handler | None = None
    mirror: Handler | None = None


def start_events(settings: Settings, services: Services, handlers: Handlers) -> None:
    """Starts the delivery of events, if this process owns the engine and has not started it yet.

    If the previous process ended before it had delivered every stream record, the statistics are rebuilt first. Other
    processes must not write until this returns.
    """
    owned = engine.current_engine()
    if owned is None or owned.is_delivering:
        return
    if not owned.streams.complete:
        # Imported here, because most starts do not need it.
        from chalicelib.local.events.adapters import rebuild_adapters
        from chalicelib.local.events.rebuild import members_by_bucket, rebuild_all, rebuild_progress

        members = members_by_bucket(owned.backends, settings.catalog_table, settings.objects_table)
        rebuild_all(services.stats, services.partitions(), members, owned.backends, settings.catalog_table)
        rebuild_progress(services.stats, owned.backends, settings.catalog_table)
        rebuild_adapters(services.deliveries.states, owned.backends, settings.catalog_table)
        owned.streams.mark_rebuilt()
    streams, report = owned.streams, engine.report
    tasks_queue = local_sqs().queue(LOCAL_TASK_QUEUE)
    tasks_queue.wake(owned.backends.new_writes)
    for organization in services.access.list_organizations():
        tasks = services.tasks.walk(organization.organization_id)
        continue_tasks(services.runner.store, services.runner.queue, tasks, services.runner.clock())
        services.batches.recovery.continue_batches(organization.organization_id)
    _continue_windows(owned, settings, services)
    owned.start_delivery(
        StreamSource(
            streams,
            settings.objects_table,
            with_lambda_context(handlers.objects_changed),
            max_records=MAX_BATCH_RECORDS,
            report=report,
        ),
        StreamSource(
            streams,
            settings.catalog_table,
            with_lambda_context(handlers.catalog_changed),
            max_records=MAX_BATCH_RECORDS,
            report=report,
            accepts=matches_catalog_filter,
        ),
        QueueSource(tasks_queue, with_lambda_context(handlers.task, TASK_MILLISECONDS), report),
        others=(
            *batch_pumps(local_sqs().queue(LOCAL_BATCH_QUEUE), handlers.batch, settings.batch_threads, report),
            *arrival_pumps(owned, handlers.arrival, report),
            *mirror_pumps(owned, settings.objects_table, handlers.mirror, report),
        ),
    )


def _continue_windows(owned: engine.Engine, settings: Settings, services: Services) -> None:
    """Continues the windows of source adapters, if any bucket has received webhooks."""
    catalog, prefix = settings.catalog_table, keys.deliveries_prefix()
    with owned.backends.lock:
        found = rows.keys_of(owned.backends.account, catalog, prefix=prefix)
    if found:
        # Imported here, because most engines have received no webhooks.
        from chalicelib.local.events.adapters import continue_windows

        states, queue = services.deliveries.states, services.batches.recovery.queue
        continue_windows(states, queue, found, services.deliveries.clock())


def batch_pumps(
    queue: LocalQueue, handler: Handler | None, threads: int, report: Callable[[str], None]
) -> Sequence[Pump]:
    """Returns the pumps that deliver the messages of batches, one for each thread; none without a handler."""
    return [new_queue_pump(queue, handler, report) for _ in range(threads)] if handler is not None else []


def arrival_pumps(owned: engine.Engine, handler: Handler | None, report: Callable[[str], None]) -> Sequence[Pump]:
    """Returns the pump that delivers the messages about uploaded files, also about those of a previous process.

    It is a thread of its own, because a large file takes seconds. Returns none without a handler.
    """
    if handler is None:
        return []
    owned.arrivals.report_all()
    return [new_queue_pump(owned.arrivals.queue, handler, report, ARRIVAL_MILLISECONDS)]


def mirror_pumps(
    owned: engine.Engine, objects_table: str, handler: Handler | None, report: Callable[[str], None]
) -> Sequence[Pump]:
    """Returns the pumps that copy files by URL, also those of a previous process. Returns none without a handler."""
    if handler is None:
        return []
    with owned.backends.lock:
        found = rows.rows_with(owned.backends.account, objects_table, "document", MARKER)
        waiting = [message for row in found for message in pending(row)]
    MirrorQueue(local_sqs, LOCAL_MIRROR_QUEUE).send(waiting)
    queue = local_sqs().queue(LOCAL_MIRROR_QUEUE)
    return [new_queue_pump(queue, handler, report, MIRROR_MILLISECONDS) for _ in range(MIRROR_THREADS)]


def new_queue_pump(
    queue: LocalQueue, handler: Handler, report: Callable[[str], None], milliseconds: int = BATCH_MILLISECONDS
) -> Pump:
    """Returns a pump that delivers messages of a queue to the handler, which has this much time for each.

    When the pump is asked to stop, the time of the handler is up, so that it hands its chunk back, and no error is
    reported: the engine may be closed while the handler still works.
    """
    stopping, wake = threading.Event(), threading.Event()
    queue.wake(wake)

    def report_unless_stopping(message: str) -> None:
        if not stopping.is_set():
            report(message)

    source = QueueSource(queue, with_lambda_context(handler, milliseconds, stopping), report_unless_stopping)
    return Pump(wake, [source], stopping=stopping, drain_seconds=0.0)


def with_lambda_context(
    handler: Handler, milliseconds: int = HANDLER_MILLISECONDS, stopping: threading.Event | None = None
) -> Callable[[dict[str, Any]], Any]:
    """Returns a function that calls the handler with an event and a Lambda context with this much remaining time.

    The time is also up when `stopping` is set.
    """

    def call(event: dict[str, Any]) -> Any:
        from chalicelib.local.server.lambda_context import StoppableContext, lambda_context

        return handler(event, StoppableContext(lambda_context(milliseconds), stopping or threading.Event()))

    return call


def is_tally_record(record: Mapping[str, Any]) -> bool:
    """Returns whether a record of the catalog is about the tally of a bucket."""
    return keys.parse_bucket_tally_key(record["dynamodb"]["Keys"]["sk"]["S"]) is not None


def is_bucket_record(record: Mapping[str, Any]) -> bool:
    """Returns whether a record of the catalog is about a bucket."""
    return keys.parse_bucket_key(record["dynamodb"]["Keys"]["sk"]["S"]) is not None


def is_delivery_record(record: Mapping[str, Any]) -> bool:
    """Returns whether a record of the catalog is about a delivery, or about the state or a window of an adapter."""
    sk = record["dynamodb"]["Keys"]["sk"]["S"]
    is_window = keys.is_adapter_state(sk) or keys.parse_closed_window_key(sk) is not None
    return is_window or keys.parse_delivery_key(sk) is not None


def is_batch_record(record: Mapping[str, Any]) -> bool:
    """Returns whether a record of the catalog is about a batch, or about the progress of one of its chunks."""
    row = record["dynamodb"]["Keys"]
    if keys.parse_batches_partition(row["pk"]["S"]) is None:
        return False
    return keys.parse_batch_key(row["sk"]["S"]) is not None or keys.parse_chunk_key(row["sk"]["S"]) is not None


def matches_catalog_filter(record: Mapping[str, Any]) -> bool:
    """Returns whether a record passes the filter of the catalog's event source, as the template declares it."""
    is_in_bucket = is_tally_record(record) or is_bucket_record(record) or is_delivery_record(record)
    return is_in_bucket or starts_a_task(record) or is_batch_record(record)
