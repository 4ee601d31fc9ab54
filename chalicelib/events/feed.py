"""Sends the events in the records of a stream."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from chalicelib.events.event import Event
from chalicelib.events.reading import Found, events_in
from chalicelib.stats.consumers import WorkItem
from chalicelib.stats.images import Record

# If one event of a group cannot be sent, all of them are sent again.
GROUP_SIZE = 10


class EventTarget(Protocol):
    """Receives events."""

    def send(self, events: Sequence[Event]) -> None:
        """Sends events. Any exception means that some of them may not have arrived, and must be sent again."""


@dataclass(frozen=True, slots=True)
class EventFeed:
    """Sends the events about the changes in both tables: a consumer of their streams."""

    target: EventTarget

    def work(self, records: Sequence[Record], shard: str) -> Iterator[WorkItem]:
        """Yields an action for each group of events in these records.

        After the first that fails, the others do nothing: Lambda delivers again from the record of the one that failed.
        So a target that does not respond costs one time limit of a call for each delivery of records, and not hundreds.
        """
        found, sending = list(events_in(records)), _Sending(self.target)
        for start in range(0, len(found), GROUP_SIZE):
            group = found[start : start + GROUP_SIZE]
            yield WorkItem(group[0].record, partial(sending.send, group))


@dataclass(slots=True)
class _Sending:
    """Sends groups of events until one of them fails."""

    target: EventTarget
    has_failed: bool = False

    def send(self, group: Sequence[Found]) -> None:
        if self.has_failed:
            return
        self.has_failed = True
        self.target.send([each.event for each in group])
        self.has_failed = False
