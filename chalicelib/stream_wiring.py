"""Builds the handler of the streams: the fold of statistics, and what other packages do with the records."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from chalicelib.aws.dynamodb.table import Table
from chalicelib.connections import batch_queue_url, build_queue, mirror_queue_url
from chalicelib.core.clock import Clock
from chalicelib.core.ids import Ids
from chalicelib.settings import Settings

if TYPE_CHECKING:
    from chalicelib.aws.event_buses import EventsClient
    from chalicelib.aws.queues import WorkQueue
    from chalicelib.stats.consumers import Consumer, Dispatcher, GarbageCollector
    from chalicelib.stats.handlers import ChangeFeed


def build_feed(
    settings: Settings,
    catalog: Table,
    objects: Table,
    sqs: Callable[[], WorkQueue],
    clock: Clock,
    garbage_collector: GarbageCollector | None = None,
    *,
    dispatchers: Sequence[Dispatcher] = (),
    outbound: Sequence[Consumer] = (),
) -> ChangeFeed:
    """Returns the handler of stream records."""
    from chalicelib.batches.progress_feed import ProgressFeed
    from chalicelib.batches.progress_store import ProgressStore
    from chalicelib.deliveries.feed import DeliveryFeed
    from chalicelib.deliveries.state_store import StateStore
    from chalicelib.mirroring.outbox import MirrorOutbox
    from chalicelib.mirroring.queue import MirrorQueue
    from chalicelib.stats.dead_letters import DeadLetters
    from chalicelib.stats.handlers import ChangeFeed
    from chalicelib.stats.service import Statistics
    from chalicelib.stats.store import TallyStore
    from chalicelib.stats.tallies import Tallies

    stats = Statistics(Tallies(TallyStore(catalog), catalog, objects, clock))
    dead_letters = DeadLetters(sqs, settings.dead_letter_queue_url)
    progress = ProgressFeed(ProgressStore(catalog, clock), dead_letters)
    deliveries = DeliveryFeed(StateStore(catalog, Ids(clock), clock, settings.engine == "embedded"), dead_letters)
    consumers: list[Consumer] = [progress, deliveries]
    return ChangeFeed(
        stats,
        dead_letters,
        settings.single_stream_shard,
        garbage_collector,
        dispatchers,
        consumers,
        outbound,
        (MirrorOutbox(MirrorQueue(sqs, mirror_queue_url(settings))),),
    )


def build_event_feed(settings: Settings, client: Callable[[], EventsClient]) -> Sequence[Consumer]:
    """Returns the consumer of the streams that sends events; none if there is nobody to send them to.

    The embedded engine writes them to a file.
    """
    if settings.engine == "embedded":
        from chalicelib.events.feed import EventFeed
        from chalicelib.local.event_file import EventFile

        return [EventFeed(EventFile(Path(settings.data_dir).resolve()))]
    if not settings.event_bus_name:
        return []
    from chalicelib.events.bus import EventBus
    from chalicelib.events.feed import EventFeed

    return [EventFeed(EventBus(client, settings.event_bus_name))]


def build_outboxes(settings: Settings, sqs: Callable[[], WorkQueue], clock: Clock) -> Sequence[Dispatcher]:
    """Returns the dispatchers of the catalog's stream.

    They send a message for each task that is started, for each batch that has ended, and about windows.
    """
    from chalicelib.batches.outbox import BatchOutbox
    from chalicelib.batches.queue import BatchQueue
    from chalicelib.deliveries.outbox import WindowOutbox
    from chalicelib.tasks.outbox import Outbox

    batches = BatchQueue(sqs, batch_queue_url(settings))
    return (Outbox(build_queue(settings, sqs)), BatchOutbox(batches), WindowOutbox(batches, clock))
