"""Delivers the records of both tables' streams in a benchmark, with the event sources of the embedded engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chalicelib.local.events.stream_source import StreamSource
from chalicelib.local.events.wiring import MAX_BATCH_RECORDS, matches_catalog_filter

if TYPE_CHECKING:
    from chalicelib.local.events.streams import Streams
    from chalicelib.services import Services
    from chalicelib.settings import Settings


@dataclass(frozen=True)
class Sources:
    """The streams of both tables, each with the handler of its records."""

    objects: StreamSource
    catalog: StreamSource

    def drain(self) -> None:
        """Delivers all records, including those that the handlers cause."""
        while self._deliver_once():
            pass

    def _deliver_once(self) -> Sequence[float]:
        delays = [source.deliver() for source in (self.objects, self.catalog)]
        return [delay for delay in delays if delay is not None]


def new_sources(services: Services, streams: Streams, settings: Settings, report: Callable[[str], None]) -> Sources:
    """Returns the event sources of an engine's streams. Errors are reported to `report`."""
    feed = services.feed
    return Sources(
        StreamSource(
            streams, settings.objects_table, feed.objects_changed, max_records=MAX_BATCH_RECORDS, report=report
        ),
        StreamSource(
            streams,
            settings.catalog_table,
            feed.catalog_changed,
            max_records=MAX_BATCH_RECORDS,
            report=report,
            accepts=matches_catalog_filter,
        ),
    )
