"""Handles SQS events of the queue of files by URL.

A message is reported as successful if nothing remains to do for its wish, or if a new message has taken its place.
Otherwise it is reported as failed, and SQS delivers it again, after an attempt that failed with the delay that is
recorded in the row. A new message takes the place of one that was delivered five times, and of one that was delivered
while the bucket was read-only or the storage of the service was unavailable, which does not count. So a message becomes
a dead letter only if it cannot be read, if the storage was unavailable for a day, or if the end of its wish could not
be recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from chalicelib.aws.queue_events import (
    RETRY_DELAY_SECONDS,
    Context,
    Event,
    UnreadableMessage,
    handle_each,
    receive_count,
    retry_delay,
)
from chalicelib.aws.usage import track_usage
from chalicelib.core.errors import Unavailable
from chalicelib.core.log import ERROR, INFO, log
from chalicelib.mirroring.failures import MAX_CLEANINGS, MAX_STARTS
from chalicelib.mirroring.queue import MirrorMessage, MirrorQueue, read
from chalicelib.mirroring.worker import Mirroring, Result

# The time that remains after the file, to record that the time is up.
MARGIN_SECONDS = 20.0
# A message becomes a dead letter after 10 deliveries. All attempts of a wish need five. The sixth only sends another
# message: a worker that dies in its work each time would otherwise send several.
NEAR_DEAD_LETTER_LIMIT = 6
# With this delay, a wish is given up after four hours in which its worker fails, and a message becomes a dead letter
# after a day in which the storage is unavailable.
MAX_RETRY_DELAY_SECONDS = 900
MAX_PAUSES = 100


@dataclass(frozen=True, slots=True)
class MirrorMessages:
    """Handles messages. `worker` copies the files."""

    queue: MirrorQueue
    worker: Mirroring

    def handle(self, event: Event, context: Context) -> dict[str, Any]:
        """Handles each message of an event. The response lists the messages that SQS is to deliver again."""

        def is_time_up() -> bool:
            return context.get_remaining_time_in_millis() < 1000 * MARGIN_SECONDS

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
                if received >= NEAR_DEAD_LETTER_LIMIT and message.starts <= MAX_STARTS + MAX_CLEANINGS:
                    following = replace(message, starts=message.starts + NEAR_DEAD_LETTER_LIMIT - 1)
                    self.queue.send([following], delay_seconds=RETRY_DELAY_SECONDS)
                    return True
                starts = message.starts + received
                result = self.worker.run(message, starts=starts, is_time_up=is_time_up)
            except Exception as error:
                log("A file by URL could not be copied", level=ERROR, error=error, **_described(message, received))
                if isinstance(error, Unavailable) and message.pauses < MAX_PAUSES:
                    following = replace(message, pauses=message.pauses + 1)
                    return self._replace(
                        record, following, received, retry_delay(following.pauses, MAX_RETRY_DELAY_SECONDS)
                    )
                self.queue.postpone(record, retry_delay(message.starts + received, MAX_RETRY_DELAY_SECONDS))
                return False
            about: dict[str, Any] = {"round_trips": usage.round_trips, "write_units": usage.write_units}
            log("mirror", level=INFO, **_described(message, received), **_shown(result), **about)
        if result.delay_seconds is None:
            return True
        if not result.counts:
            return self._replace(record, message, received, result.delay_seconds)
        self.queue.postpone(record, result.delay_seconds)
        return False

    def _replace(self, record: Mapping[str, Any], following: MirrorMessage, received: int, delay: int) -> bool:
        """Sends a message that does not count this delivery. Returns whether SQS may delete the old one."""
        try:
            self.queue.send([replace(following, starts=following.starts + received - 1)], delay_seconds=delay)
        except Exception as error:
            log("A message could not be replaced", level=ERROR, error=error, **_described(following, received))
            self.queue.postpone(record, delay)
            return False
        return True


def _described(message: MirrorMessage, received: int) -> dict[str, Any]:
    return {
        "bucket": message.bucket_id,
        "object": message.object_id,
        "blob": message.blob_id,
        "mirror": message.mirror_id,
        "times": received,
    }


def _shown(result: Result) -> dict[str, Any]:
    return {"ended": result.ended, "code": result.code, "bytes": result.size_bytes}
