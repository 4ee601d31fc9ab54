"""A bus in memory, with the limits of EventBridge."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

BUS = "films"
# Limits of PutEvents: entries and bytes of a call.
MAX_ENTRIES = 10
MAX_BYTES = 262_144


def accept(entries: list[Any]) -> None:
    """A bus that accepts all events."""


@dataclass
class MemoryBus:
    """An EventBridge client that keeps the entries which it accepted.

    `before` is called with the entries of each call. It may raise, or return how many of them fail.
    """

    entries: list[dict[str, Any]] = field(default_factory=list)
    calls: int = 0
    before: Callable[[list[Any]], int | None] = accept
    _returned: int = 0

    def put_events(self, *, Entries: list[Any]) -> Any:
        self.calls += 1
        assert 0 < len(Entries) <= MAX_ENTRIES
        assert sum(len(json.dumps(entry, default=str).encode()) for entry in Entries) <= MAX_BYTES
        assert {entry["EventBusName"] for entry in Entries} == {BUS}
        failed = self.before(Entries) or 0
        accepted = Entries[: len(Entries) - failed]
        self.entries += accepted
        results = [{"EventId": "1"}] * len(accepted) + [{"ErrorCode": "ThrottlingException"}] * failed
        return {"FailedEntryCount": failed, "Entries": results}

    def details(self) -> list[dict[str, Any]]:
        """Returns all events so far."""
        return [json.loads(entry["Detail"]) for entry in self.entries]

    def new(self) -> list[dict[str, Any]]:
        """Returns the events since the last call."""
        events = self.details()[self._returned :]
        self._returned += len(events)
        return events
