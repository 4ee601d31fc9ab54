"""Protocol of an EventBridge client, and the limits of its calls."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

# The maximum number of entries in one call of `put_events`, and that of their bytes together. Limits of EventBridge.
MAX_ENTRIES = 10
MAX_CALL_BYTES = 262_144
# What EventBridge counts for the time of an entry (EventBridge User Guide, "Calculating PutEvents event entry size").
_TIME_BYTES = 14

Entry = Mapping[str, Any]


class EventsClient(Protocol):
    """An EventBridge client that sends events."""

    def put_events(self, *, Entries: list[Entry]) -> Any:
        """Sends up to 10 events, each with `EventBusName`, `Source`, `DetailType`, `Detail` and `Time`.

        Some of them may fail without an error of the call: the response has their number in `FailedEntryCount`, and an
        `ErrorCode` in each of their `Entries`.
        """


def calls(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    """Yields the entries in groups that one call accepts, in their order."""
    group: list[Entry] = []
    group_bytes = 0
    for entry in entries:
        own_bytes = entry_bytes(entry)
        if group and (len(group) == MAX_ENTRIES or group_bytes + own_bytes > MAX_CALL_BYTES):
            yield group
            group, group_bytes = [], 0
        group.append(entry)
        group_bytes += own_bytes
    if group:
        yield group


def entry_bytes(entry: Entry) -> int:
    """Returns the size of an entry, as EventBridge counts it."""
    return _TIME_BYTES + sum(len(entry[name].encode()) for name in ("Source", "DetailType", "Detail"))
