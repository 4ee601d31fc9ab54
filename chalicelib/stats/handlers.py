"""The change feed: what the streams' functions do with an event of Lambda, and what they answer.

Nobody waits for anybody: what can be done is done, and of what could not be the answer names the first
record, from which Lambda delivers again. What had been done is then recognised by its checkpoint.
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
Answer = dict[str, Any]
Read = Callable[[Record, str], Change | UnreadableRecord | None]

# The one shard of an emulator that does not name it.
SINGLE_SHARD = "single"


class ShardNotNamed(Exception):
    """The event does not say which shard it is of, so nobody can tell what has been counted before."""

    def __init__(self) -> None:
        super().__init__(
            "the event has no shardId: its source needs a tumbling window. Where a stream has but one shard, "
            "BUCKETS_SINGLE_STREAM_SHARD=true says so"
        )


class GarbageCollector(Protocol):
    """Removes the bytes that changed objects refer to no more."""

    def sweep(self, records: Sequence[Record]) -> None:
        """Does so for these records of the objects' stream, which may have been swept before."""


class Dispatcher(Protocol):
    """Has tasks worked on that were started with a row of the catalog."""

    def dispatch(self, records: Sequence[Record]) -> None:
        """Does so for these records of the catalog's stream, which may have been dispatched before."""


@dataclass(frozen=True, slots=True)
class Work:
    """Something to be done because of a record, and again if it fails."""

    cause: Record
    do: Callable[[], None]


@dataclass(slots=True)
class EventChanges:
    """What an event tells of one bucket or namespace."""

    first: Record
    changes: list[Change] = field(default_factory=list)
    unreadable: list[UnreadableRecord] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ChangeFeed:
    """The streams' functions. `single_shard`: events may leave their shard unnamed."""

    stats: Statistics
    dead_letters: DeadLetters
    single_shard: bool = False
    garbage_collector: GarbageCollector | None = None
    dispatcher: Dispatcher | None = None

    def objects_changed(self, event: Event) -> Answer:
        """Folds changes of objects into the tallies of their buckets, then has unreferenced bytes removed."""
        return run(event, [*self._folds(event, read_object_change), *self._sweep(event)])

    def catalog_changed(self, event: Event) -> Answer:
        """Folds changes of buckets' tallies into their namespaces', looks up due extremes, and sends tasks."""
        return run(event, [*self._folds(event, read_tally_change), *self._looks(event), *self._dispatch(event)])

    def _folds(self, event: Event, read: Read) -> Iterator[Work]:
        for (ns, bucket_id), told in grouped(event, read, self._shard).items():
            yield Work(told.first, partial(self._fold, ns, bucket_id, told))

    def _fold(self, ns: str | None, bucket_id: str | None, told: EventChanges) -> None:
        for unreadable in told.unreadable:
            self.dead_letters.add(unreadable)
        if ns is not None:
            self.stats.fold(ns, bucket_id, told.changes, has_unreadable=bool(told.unreadable))

    def _sweep(self, event: Event) -> Iterator[Work]:
        garbage_collector, records = self.garbage_collector, records_of(event)
        if garbage_collector is not None and records:
            yield Work(records[0], lambda: garbage_collector.sweep(records))

    def _dispatch(self, event: Event) -> Iterator[Work]:
        dispatcher, records = self.dispatcher, records_of(event)
        if dispatcher is not None and records:
            yield Work(records[0], lambda: dispatcher.dispatch(records))

    def _looks(self, event: Event) -> Iterator[Work]:
        due: dict[tuple[str, str], Record] = {}
        for record in records_of(event):
            if needs_extreme_lookup(record):
                change = read_tally_change(record, "")
                if isinstance(change, Change):
                    due[change.ns, change.member] = record
        for (ns, bucket_id), record in due.items():
            yield Work(record, partial(self.stats.refresh_extremes, ns, bucket_id))

    def _shard(self, event: Event) -> str:
        shard = event.get("shardId") or (SINGLE_SHARD if self.single_shard else None)
        if not isinstance(shard, str):
            raise ShardNotNamed()
        return shard


def records_of(event: Event) -> Sequence[Record]:
    """The records of an event; the last one of a window has none."""
    return event.get("Records") or ()


def grouped(
    event: Event, read: Read, shard_of: Callable[[Event], str]
) -> dict[tuple[str | None, str | None], EventChanges]:
    """What the event tells that counts, by namespace and bucket. Raises ShardNotNamed."""
    told: dict[tuple[str | None, str | None], EventChanges] = {}
    records = records_of(event)
    shard = shard_of(event) if records else ""
    for record in records:
        change = read(record, shard)
        if isinstance(change, UnreadableRecord):
            told.setdefault((change.ns, change.bucket_id), EventChanges(record)).unreadable.append(change)
        elif change is not None and change.counts:
            told.setdefault((change.ns, change.bucket_id), EventChanges(record)).changes.append(change)
    return told


def run(event: Event, work: Iterable[Work]) -> Answer:
    """Does the work, all that can be done of it. Lambda's answer, with the first record to deliver again."""
    with track_usage() as meter:
        failed = [each.cause for each in work if not succeeds(each)]
    records = records_of(event)
    if records:
        log(
            "stream",
            source=records[0].get("eventSourceARN"),
            shard=event.get("shardId"),
            records=len(records),
            failed=len(failed),
            round_trips=meter.round_trips,
            read_units=meter.read_units,
            write_units=meter.write_units,
        )
    return answer(event, min(failed, key=sequence_of, default=None))


def succeeds(work: Work) -> bool:
    """Does it. Whatever goes wrong is logged and tried again with the record; it must not stop the others."""
    try:
        work.do()
    except Exception as error:
        log("A change could not be applied", level=ERROR, error=error, sequence=sequence_of(work.cause))
        return False
    return True


def answer(event: Event, failed: Record | None) -> Answer:
    """What Lambda is told: where to go on from, and within a window the state that it keeps for us."""
    failures = [] if failed is None else [{"itemIdentifier": failed["dynamodb"]["SequenceNumber"]}]
    state = {"state": event.get("state") or {}} if "window" in event or "state" in event else {}
    return {"batchItemFailures": failures, **state}
