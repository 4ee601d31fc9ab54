"""Statistics and tasks without AWS: the embedded engine's streams and queue feed the functions of `app.py`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from chalicelib import keys
from chalicelib.local import engine
from chalicelib.local.events.stream_source import StreamSource
from chalicelib.local.events.task_source import TaskSource, local_queue, wake
from chalicelib.tasks.outbox import starts_a_task
from chalicelib.tasks.runner import MARGIN_SECONDS

if TYPE_CHECKING:
    from chalicelib.services import Services
    from chalicelib.settings import Settings

# As `app.py` declares it.
MOST_RECORDS = 1000
MILLISECONDS = 60_000
# One thread serves streams and queue, so a task has a second, and then goes on with its next message.
TASK_MILLISECONDS = int(1000 * MARGIN_SECONDS) + 1000


Handler = Callable[[dict[str, Any], Any], Any]


class Handlers(NamedTuple):
    """The event handlers of the application, called with an event and a Lambda context."""

    objects_changed: Handler
    catalog_changed: Handler
    task: Handler


def begin(settings: Settings, services: Services, handlers: Handlers) -> None:
    """Statistics are exact, and follow every write from now on, if the engine is this process's own.

    Streams do not outlive a process: where one ended before all was delivered, everything is counted now, and
    nobody else may write until that is done.
    """
    owned = engine.owned()
    if owned is None or owned.fed:
        return
    if not owned.streams.whole:
        # Imported here, as most starts have no need of it.
        from chalicelib.local.events.rebuild import objects_by_bucket, rebuild_all

        rebuild_all(services.stats, services.partitions(), objects_by_bucket(owned.backends, settings.objects_table))
        owned.streams.settle()
    streams, tell = owned.streams, engine.tell
    for organization in services.access.list_organizations():
        wake(services.runner.queue, services.tasks.walk(organization.organization_id))
    owned.feed(
        StreamSource(streams, settings.objects_table, function(handlers.objects_changed), most=MOST_RECORDS, tell=tell),
        StreamSource(
            streams,
            settings.catalog_table,
            function(handlers.catalog_changed),
            most=MOST_RECORDS,
            tell=tell,
            wants=is_wanted,
        ),
        TaskSource(local_queue(), function(handlers.task, TASK_MILLISECONDS), tell),
    )


def function(handler: Handler, milliseconds: int = MILLISECONDS) -> Callable[[dict[str, Any]], Any]:
    """The handler with a Lambda context that has so much time left."""

    def call(event: dict[str, Any]) -> Any:
        from chalicelib.local.server.lambda_context import lambda_context

        return handler(event, lambda_context(milliseconds))

    return call


def is_of_a_tally(record: Mapping[str, Any]) -> bool:
    """Whether a record of the catalog tells of a bucket's tally."""
    return keys.tallied_bucket(record["dynamodb"]["Keys"]["sk"]["S"]) is not None


def is_wanted(record: Mapping[str, Any]) -> bool:
    """Whether the function of the catalog's stream wants a record, as the event source's filter demands."""
    return is_of_a_tally(record) or starts_a_task(record)
