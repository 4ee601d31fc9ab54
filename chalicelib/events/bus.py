"""Sends events to an EventBridge bus."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from chalicelib.aws.event_buses import Entry, EventsClient, calls
from chalicelib.aws.usage import count_round_trip
from chalicelib.core.clock import parse_timestamp
from chalicelib.core.json_codec import to_json
from chalicelib.events.event import SOURCE, Event, to_cloud_event


class EventsNotSent(RuntimeError):
    """EventBridge did not accept some events."""


@dataclass(frozen=True, slots=True)
class EventBus:
    """A bus with this name, in the account and region of the service."""

    client: Callable[[], EventsClient]
    name: str

    def send(self, events: Sequence[Event]) -> None:
        """Sends events. Raises EventsNotSent; other errors of the EventBridge client propagate to the caller."""
        for entries in calls(map(self._entry, events)):
            count_round_trip()
            response = self.client().put_events(Entries=entries)
            if response.get("FailedEntryCount"):
                codes = sorted({each["ErrorCode"] for each in response.get("Entries", ()) if "ErrorCode" in each})
                count = response["FailedEntryCount"]
                raise EventsNotSent(f"{count} of {len(entries)} events were not accepted: {', '.join(codes)}")

    def _entry(self, event: Event) -> Entry:
        return {
            "EventBusName": self.name,
            "Source": SOURCE,
            "DetailType": event.type,
            "Detail": to_json(to_cloud_event(event)),
            "Time": parse_timestamp(event.time),
        }
