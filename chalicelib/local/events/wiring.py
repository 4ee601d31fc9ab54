"""Connects the embedded engine's streams and task queue with the event handlers of `app.py`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from chalicelib import keys
from chalicelib.local import engine
from chalicelib.local.events.stream_source import StreamSource
from chalicelib.local.events.task_source import TaskSource, continue_tasks, local_queue
from chalicelib.tasks.outbox import starts_a_task
from chalicelib.tasks.runner import MARGIN_SECONDS

if TYPE_CHECKING:
    from chalicelib.services import Services
    from chalicelib.settings import Settings

# The batch size of the stream handlers, as declared in `app.py`.
MAX_BATCH_RECORDS = 1000
HANDLER_MILLISECONDS = 60_000
# One thread serves streams and queue, so a task runs for a second and then continues with its next message.
TASK_MILLISECONDS = int(1000 * MARGIN_SECONDS) + 1000

Handler = Callable[[dict[str, Any], Any], Any]


class Handlers(NamedTuple):
    """The event handlers of the application, called with an event and a Lambda context."""

    objects_changed: Handler
    catalog_changed: Handler
    task: Handler


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
        from chalicelib.local.events.rebuild import objects_by_bucket, rebuild_all

        rebuild_all(services.stats, services.partitions(), objects_by_bucket(owned.backends, settings.objects_table))
        owned.streams.mark_rebuilt()
    streams, report = owned.streams, engine.report
    for organization in services.access.list_organizations():
        tasks = services.tasks.walk(organization.organization_id)
        continue_tasks(services.runner.store, services.runner.queue, tasks, services.runner.clock())
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
        TaskSource(local_queue(), with_lambda_context(handlers.task, TASK_MILLISECONDS), report),
    )


def with_lambda_context(handler: Handler, milliseconds: int = HANDLER_MILLISECONDS) -> Callable[[dict[str, Any]], Any]:
    """Returns a function that calls the handler with an event and a Lambda context with this much remaining time."""

    def call(event: dict[str, Any]) -> Any:
        from chalicelib.local.server.lambda_context import lambda_context

        return handler(event, lambda_context(milliseconds))

    return call


def is_tally_record(record: Mapping[str, Any]) -> bool:
    """Returns whether a record of the catalog is about the tally of a bucket."""
    return keys.parse_bucket_tally_key(record["dynamodb"]["Keys"]["sk"]["S"]) is not None


def matches_catalog_filter(record: Mapping[str, Any]) -> bool:
    """Returns whether a record passes the filter of the catalog's event source, as the template declares it."""
    return is_tally_record(record) or starts_a_task(record)
