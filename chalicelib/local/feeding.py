"""Statistics without AWS: the streams of the embedded engine feed the functions that `app.py` declares."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from chalicelib.foundation import keys
from chalicelib.local import engine
from chalicelib.local.stream_source import StreamSource

if TYPE_CHECKING:
    from chalicelib.settings import Settings
    from chalicelib.wiring import Services

# As `app.py` declares it.
MOST_RECORDS = 1000
MEMORY_MEGABYTES, MILLISECONDS = 1024, 60_000


def begin(settings: Settings, services: Services) -> None:
    """Statistics are exact, and follow every write from now on, if the engine is this process's own.

    Streams do not outlive a process: where one ended before all was delivered, everything is counted now, and
    nobody else may write until that is done.
    """
    owned = engine.owned()
    if owned is None or owned.fed:
        return
    if not owned.streams.whole:
        # Imported here, as most starts have no need of it.
        from chalicelib.local.settling import objects_by_bucket, settle_all

        settle_all(services.stats, services.partitions(), objects_by_bucket(owned.backends, settings.objects_table))
        owned.streams.settle()
    streams, tell = owned.streams, engine.tell
    owned.feed(
        StreamSource(streams, settings.objects_table, function("on_objects_change"), most=MOST_RECORDS, tell=tell),
        StreamSource(
            streams,
            settings.catalog_table,
            function("on_catalog_change"),
            most=MOST_RECORDS,
            tell=tell,
            wants=is_of_a_tally,
        ),
    )


def function(name: str) -> Callable[[dict[str, Any]], Any]:
    """The function of this name in `app.py`, which is imported with the first event: most commands have none."""

    def call(event: dict[str, Any]) -> Any:
        from chalice.local import LambdaContext

        return getattr(import_module("app"), name)(event, LambdaContext(name, MEMORY_MEGABYTES, MILLISECONDS))

    return call


def is_of_a_tally(record: Mapping[str, Any]) -> bool:
    """Whether a record of the catalog tells of a bucket's tally, as the event source's filter demands."""
    return keys.tallied_bucket(record["dynamodb"]["Keys"]["sk"]["S"]) is not None
