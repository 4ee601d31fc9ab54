"""Handles the DynamoDB stream events of both tables and builds the responses for Lambda.

A failure does not stop the rest of the event. The response names the first record that failed, and Lambda delivers
the event again from there. Checkpoints keep the fold from counting the repeated records twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from chalicelib.aws.usage import track_usage
from chalicelib.core.log import ERROR, log
from chalicelib.stats.dead_letters import DeadLetters
from chalicelib.stats.service import Statistics
from chalicelib.stats.stream_records import (
    Change,
    Record,
    UnreadableRecord,
    needs_extreme_lookup,
    read_object_change,
    read_tally_change,
    sequence_of,
)

Event = Mapping[str, Any]
LambdaResponse = dict[str, Any]
ChangeReader = Callable[[Record, str], Change | UnreadableRecord | None]
# The partition of the namespace and the id of the bucket; None where they are unknown or do not apply.
Target = tuple[str | None, str | None]

# The shard of events from an emulator that has one shard per stream and does not name it.
SINGLE_SHARD = "single"


class ShardNotNamed(Exception):
    """The event has no shard id, without which its sequence numbers cannot be compared with the checkpoints."""

    def __init__(self) -> None:
        super().__init__(
            "the event has no shardId: its event source mapping needs a tumbling window. "
            "If every stream has only one shard, set BUCKETS_SINGLE_STREAM_SHARD=true"
        )


class GarbageCollector(Protocol):
    """Removes the files that changed objects no longer refer to."""

    def remove_unreferenced(self, records: Sequence[Record]) -> None:
        """Removes files that became unreferenced in these records of the objects stream. Records may be repeated."""


class Dispatcher(Protocol):
    """Puts new and restarted tasks into the task queue."""

    def dispatch(self, records: Sequence[Record]) -> None:
        """Queues the tasks in these records of the catalog stream. Records may be repeated."""


@dataclass(frozen=True, slots=True)
class WorkItem:
    """An action that a record requires. If it fails, Lambda delivers again from that record."""

    cause: Record
    run: Callable[[], None]


@dataclass(slots=True)
class EventChanges:
    """The changes of one bucket or namespace in an event, and the first record among them."""

    first: Record
    changes: list[Change] = field(default_factory=list)
    unreadable: list[UnreadableRecord] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ChangeFeed:
    """The handlers of both streams.

    `single_shard`: events may omit their shard id, because every stream has only one shard.
    """

    stats: Statistics
    dead_letters: DeadLetters
    single_shard: bool = False
    garbage_collector: GarbageCollector | None = None
    dispatcher: Dispatcher | None = None

    def objects_changed(self, event: Event) -> LambdaResponse:
        """Folds changes of objects into the tallies of their buckets, then removes unreferenced files."""
        return run_all(event, [*self._folds(event, read_object_change), *self._garbage_collection(event)])

    def catalog_changed(self, event: Event) -> LambdaResponse:
        """Folds changes of bucket tallies into namespace tallies, refreshes extremes, and queues tasks."""
        work = [*self._folds(event, read_tally_change), *self._extreme_lookups(event), *self._dispatch(event)]
        return run_all(event, work)

    def _folds(self, event: Event, read: ChangeReader) -> Iterator[WorkItem]:
        for (ns, bucket_id), found in group_changes(event, read, self._shard).items():
            yield WorkItem(found.first, partial(self._fold, ns, bucket_id, found))

    def _fold(self, ns: str | None, bucket_id: str | None, found: EventChanges) -> None:
        for unreadable in found.unreadable:
            self.dead_letters.add(unreadable)
        if ns is not None:
            self.stats.fold(ns, bucket_id, found.changes, has_unreadable=bool(found.unreadable))

    def _garbage_collection(self, event: Event) -> Iterator[WorkItem]:
        garbage_collector, records = self.garbage_collector, records_of(event)
        if garbage_collector is not None and records:
            yield WorkItem(records[0], lambda: garbage_collector.remove_unreferenced(records))

    def _dispatch(self, event: Event) -> Iterator[WorkItem]:
        dispatcher, records = self.dispatcher, records_of(event)
        if dispatcher is not None and records:
            yield WorkItem(records[0], lambda: dispatcher.dispatch(records))

    def _extreme_lookups(self, event: Event) -> Iterator[WorkItem]:
        due: dict[tuple[str, str], Record] = {}
        for record in records_of(event):
            if needs_extreme_lookup(record):
                change = read_tally_change(record, "")
                if isinstance(change, Change):
                    due[change.ns, change.member] = record
        for (ns, bucket_id), record in due.items():
            yield WorkItem(record, partial(self.stats.refresh_extremes, ns, bucket_id))

    def _shard(self, event: Event) -> str:
        shard = event.get("shardId") or (SINGLE_SHARD if self.single_shard else None)
        if not isinstance(shard, str):
            raise ShardNotNamed()
        return shard


def records_of(event: Event) -> Sequence[Record]:
    """The records of an event. The last event of a tumbling window has none."""
    return event.get("Records") or ()


def group_changes(event: Event, read: ChangeReader, shard_of: Callable[[Event], str]) -> dict[Target, EventChanges]:
    """The changes in an event that affect statistics, by namespace and bucket.

    Raises ShardNotNamed if the event has records and no shard id.
    """
    groups: dict[Target, EventChanges] = {}
    records = records_of(event)
    shard = shard_of(event) if records else ""
    for record in records:
        change = read(record, shard)
        if isinstance(change, UnreadableRecord):
            groups.setdefault((change.ns, change.bucket_id), EventChanges(record)).unreadable.append(change)
        elif change is not None and change.has_effect:
            groups.setdefault((change.ns, change.bucket_id), EventChanges(record)).changes.append(change)
    return groups


def run_all(event: Event, work: Iterable[WorkItem]) -> LambdaResponse:
    """Runs every item, logs one line, and returns the response with the first record that failed, if any."""
    with track_usage() as usage:
        failed = [item.cause for item in work if not succeeds(item)]
    records = records_of(event)
    if records:
        log(
            "stream",
            source=records[0].get("eventSourceARN"),
            shard=event.get("shardId"),
            records=len(records),
            failed=len(failed),
            round_trips=usage.round_trips,
            read_units=usage.read_units,
            write_units=usage.write_units,
        )
    return lambda_response(event, min(failed, key=sequence_of, default=None))


def succeeds(item: WorkItem) -> bool:
    """Runs an item and returns whether it succeeded. Any exception is logged, so that the other items still run."""
    try:
        item.run()
    except Exception as error:
        log("A change could not be applied", level=ERROR, error=error, sequence=sequence_of(item.cause))
        return False
    return True


def lambda_response(event: Event, failed: Record | None) -> LambdaResponse:
    """The response to Lambda: the record to deliver again from, if any, and the state of a tumbling window.

    Lambda requires `state` in the response to an event of a tumbling window; here it is returned unchanged.
    """
    failures = [] if failed is None else [{"itemIdentifier": failed["dynamodb"]["SequenceNumber"]}]
    state = {"state": event.get("state") or {}} if "window" in event or "state" in event else {}
    return {"batchItemFailures": failures, **state}
