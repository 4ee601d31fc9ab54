"""Handles SQS events of the batch queue.

A message is reported as successful if nothing remains to do for it, or if a new message has taken its place. Otherwise
it is reported as failed, and SQS delivers it again. So duplicates of a message do not multiply. From the fifth delivery
of a message on, a new one is sent before the work, so only messages that cannot be read become dead letters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from chalicelib.aws.queue_events import Context, Event, UnreadableMessage, handle_each, receive_count, retry_delay
from chalicelib.aws.usage import track_usage
from chalicelib.batches.finishing import Finishing
from chalicelib.batches.queue import (
    NEAR_DEAD_LETTER_LIMIT,
    BatchMessage,
    BatchQueue,
    read,
)
from chalicelib.batches.running import LEASE, ChunkRunner, RunOutcome
from chalicelib.core.log import ERROR, INFO, log

# The time that remains after the last object of an invocation, to store its outcome and to send a message.
MARGIN_SECONDS = 15.0
KILLED_RETRY_SECONDS = int(LEASE.total_seconds()) + 30
MAX_RETRY_DELAY_SECONDS = 300


class WindowHandler(Protocol):
    """Makes batches of the objects that source adapters have collected."""

    def run(self, message: BatchMessage) -> int | None:
        """Does what is due. Returns after how many seconds to call it again, or None if nothing remains."""


class Handled(NamedTuple):
    """What has been done for a message, and after how many seconds it must be delivered again; None for never."""

    outcome: str
    delay_seconds: int | None


@dataclass(frozen=True, slots=True)
class BatchMessages:
    """Handles messages. `item_seconds` returns the maximum time that the hook may take for an object."""

    queue: BatchQueue
    runner: Callable[[], ChunkRunner]
    finishing: Callable[[], Finishing]
    windows: Callable[[], WindowHandler]
    item_seconds: Callable[[], float]

    def handle(self, event: Event, context: Context) -> dict[str, Any]:
        """Handles each message of an event. The response lists the messages that SQS is to deliver again."""

        def is_time_up() -> bool:
            return context.get_remaining_time_in_millis() < 1000 * (self.item_seconds() + MARGIN_SECONDS)

        return handle_each(event, lambda record: self._succeeds(record, is_time_up))

    def _succeeds(self, record: Mapping[str, Any], is_time_up: Callable[[], bool]) -> bool:
        """Handles a message. Returns whether SQS may delete it; otherwise SQS delivers it again after a while."""
        received = receive_count(record)
        try:
            message = read(record)
        except UnreadableMessage as error:
            log("A message cannot be read", level=ERROR, error=error, message_id=record["messageId"])
            self.queue.postpone(record, retry_delay(received, MAX_RETRY_DELAY_SECONDS))
            return False
        with track_usage() as usage:
            try:
                is_replaced = self._replace_old(message, received)
                done = self._handle(message, record, is_time_up)
            except Exception as error:
                log("The work on a batch failed", level=ERROR, error=error, **_described(message, received))
                self.queue.postpone(record, retry_delay(received, MAX_RETRY_DELAY_SECONDS))
                return False
            about: dict[str, Any] = {"round_trips": usage.round_trips, "write_units": usage.write_units}
            log("batch", level=INFO, **_described(message, received), ended=done.outcome, **about)
        if done.delay_seconds is None or is_replaced:
            return True
        self.queue.postpone(record, done.delay_seconds)
        return False

    def _replace_old(self, message: BatchMessage, received: int) -> bool:
        """Sends the same message again if this one may soon become a dead letter. Returns whether it did.

        A worker that dies cannot send it, so it is sent before the work, for the time at which a lease has ended.
        """
        if received < NEAR_DEAD_LETTER_LIMIT:
            return False
        self.queue.send([message], delay_seconds=int(LEASE.total_seconds()) + 1)
        return True

    def _handle(self, message: BatchMessage, record: Mapping[str, Any], is_time_up: Callable[[], bool]) -> Handled:
        if message.kind == "finish":
            wait = self.finishing().run(message)
            return Handled("reported" if wait is None else "waits", wait)
        if message.kind == "window":
            wait = self.windows().run(message)
            return Handled("made" if wait is None else "waits", wait)
        # If this worker dies, the message returns when the lease has ended, not after the longer visibility timeout.
        self.queue.postpone(record, KILLED_RETRY_SECONDS)
        result = self.runner().run(message, is_time_up)
        if result.outcome is RunOutcome.CONTINUES:
            self.queue.send([message])
        # SQS may deliver a message twice at the same time. The second worker keeps it in the queue for the case that
        # the first one dies; if the first one succeeds, SQS deletes it.
        return Handled(result.outcome, result.delay_seconds if result.outcome is RunOutcome.LEASED else None)


def _described(message: BatchMessage, received: int) -> dict[str, Any]:
    return {
        "kind": message.kind,
        "bucket": message.bucket_id,
        "batch": message.batch_id,
        "run": message.epoch,
        "chunk": message.chunk,
        "times": received,
    }
