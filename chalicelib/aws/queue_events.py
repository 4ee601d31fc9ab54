"""Events of SQS, which Lambda delivers to a function: reading them, and the response."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

Event = Mapping[str, Any]
RETRY_DELAY_SECONDS = 5


class Context(Protocol):
    """The part of Lambda's context object that is used here."""

    def get_remaining_time_in_millis(self) -> int:
        """The time in milliseconds before the invocation times out."""


class UnreadableMessage(ValueError):
    """A message that is not one of this service."""


def handle_each(event: Event, succeeds: Callable[[Mapping[str, Any]], bool]) -> dict[str, Any]:
    """Calls `succeeds` with each message of an event. Returns the response to Lambda.

    It lists the messages for which the result was false: SQS delivers them again.
    """
    records = event.get("Records") or ()
    failed = [record["messageId"] for record in records if not succeeds(record)]
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}


def receive_count(record: Mapping[str, Any]) -> int:
    """How many times a message has been received, including this time."""
    return int((record.get("attributes") or {}).get("ApproximateReceiveCount", 1))


def retry_delay(times: int, max_seconds: int) -> int:
    """After how many seconds to deliver a message again that has failed so many times; twice as many each time."""
    return min(max_seconds, RETRY_DELAY_SECONDS << min(times, 10))
