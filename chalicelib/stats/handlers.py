"""Handles the DynamoDB stream events of both tables and builds the responses for Lambda.

A failure does not stop the rest of the event. The response names the first record that failed, and Lambda delivers
the event again from there. Checkpoints keep the fold from counting the repeated records twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from chalicelib.aws.usage import track_usage
from chalicelib.core.log import ERROR, log
from chalicelib.stats.consumers import Consumer, Dispatcher, GarbageCollector, WorkItem
from chalicelib.stats.dead_letters import DeadLetters
from chalicelib.stats.grouping import Group, grouped
from chalicelib.stats.images import Record, sequence_of
from chalicelib.stats.service import Statistics
from chalicelib.stats.stream_records import (
    Change,
    UnreadableRecord,
    needs_extreme_lookup,
    read_catalog_change,
    read_object_change,
    read_tally_change,
)

Event = Mapping[str, Any]
LambdaResponse = dict[str, Any]
ChangeReader = Callable[[Record, str], Change | UnreadableRecord | None]
# The partition of the namespace and the id of the bucket; None where they are unknown or do not apply.
Target = tuple[str | None, str | None]

# The shard of events from an emulator that has one shard per stream and does not name it.
SINGLE_SHARD = "single"
# The number of records whose files are removed together.
GARBAGE_RECORDS = 100


class ShardNotNamed(Exception):
    """The event has no shard id, without which its sequence numbers cannot be compared with the checkpoints."""

    def __init__(self) -> None:
        super().__init__(
            "the event has no shardId: its event source mapping needs a tumbling window. "
            "If every stream has only one shard, set BUCKETS_SINGLE_STREAM_SHARD=true"
        )


@dataclass(frozen=True, slots=True)
class ChangeFeed:
    """The handlers of both streams.

    `single_shard`: events may omit their shard id, because every stream has only one shard. `dispatchers` and
    `consumers` get the records of the catalog, and `object_dispatchers` those of the objects. `outbound` gets the
    records of both streams, after everything else, so that a failure of a system outside of the service delays nothing
    else in the event.
    """

    stats: Statistics
    dead_letters: DeadLetters
    single_shard: bool = False
    garbage_collector: GarbageCollector | None = None
    dispatchers: Sequence[Dispatcher] = ()
    consumers: Sequence[Consumer] = ()
    outbound: Sequence[Consumer] = ()
    object_dispatchers: Sequence[Dispatcher] = ()

    def objects_changed(self, event: Event) -> LambdaResponse:
        """Folds changes of objects into the tallies of their buckets, removes unreferenced files, sends messages."""
        work = [*self._folds(event, read_object_change), *self._garbage_collection(event)]
        work += self._dispatched(event, self.object_dispatchers)
        return run_all(event, [*work, *self._consumed(event, self.outbound)])

    def catalog_changed(self, event: Event) -> LambdaResponse:
        """Folds bucket tallies into namespace tallies and batches into bucket tallies, and refreshes extremes.

        Then the consumers and the dispatchers process the same records.
        """
        work = [*self._folds(event, read_catalog_change), *self._extreme_lookups(event)]
        work += [*self._consumed(event, self.consumers), *self._dispatched(event, self.dispatchers)]
        return run_all(event, [*work, *self._consumed(event, self.outbound)])

    def _folds(self, event: Event, read: ChangeReader) -> Iterator[WorkItem]:
        for (ns, bucket_id), found in group_changes(event, read, self._shard).items():
            yield WorkItem(found.first, partial(self._fold, ns, bucket_id, found))

    def _fold(self, ns: str | None, bucket_id: str | None, found: Group[Change]) -> None:
        for unreadable in found.unreadable:
            self.dead_letters.add(unreadable)
        if ns is not None:
            self.stats.fold(ns, bucket_id, found.changes, has_unreadable=bool(found.unreadable))

    def _garbage_collection(self, event: Event) -> Iterator[WorkItem]:
        garbage_collector, records = self.garbage_collector, records_of(event)
        if garbage_collector is None:
            return
        # In parts, so that after a failure or a time-out, Lambda delivers only from the part that failed.
        for start in range(0, len(records), GARBAGE_RECORDS):
            part = records[start : start + GARBAGE_RECORDS]
            yield WorkItem(part[0], partial(garbage_collector.remove_unreferenced, part))

    def _consumed(self, event: Event, consumers: Sequence[Consumer]) -> Iterator[WorkItem]:
        if records := records_of(event):
            for consumer in consumers:
                yield from consumer.work(records, self._shard(event))

    def _dispatched(self, event: Event, dispatchers: Sequence[Dispatcher]) -> Iterator[WorkItem]:
        if records := records_of(event):
            for dispatcher in dispatchers:
                yield WorkItem(records[0], partial(dispatcher.dispatch, records))

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


def group_changes(event: Event, read: ChangeReader, shard_of: Callable[[Event], str]) -> dict[Target, Group[Change]]:
    """The changes in an event that affect statistics, by namespace and bucket.

    Raises ShardNotNamed if the event has records and no shard id.
    """
    records = records_of(event)
    shard = shard_of(event) if records else ""
    changes = ((record, read(record, shard)) for record in records)
    return grouped(
        ((change.ns, change.bucket_id), record, change)
        for record, change in changes
        if change is not None and (isinstance(change, UnreadableRecord) or change.has_effect)
    )


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
