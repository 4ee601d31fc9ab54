"""A table's stream as a source of events. It behaves like Lambda's event source mapping for DynamoDB streams.

If the handler reports a record as failed, delivery continues from the first such record. If the handler raises for a
batch, the batch is halved until the failing record is alone. After some attempts that record is skipped with a
message, and the next start of the engine rebuilds the statistics.

Every event is the first of a tumbling window, and there are no events for the ends of windows. So a handler must not
keep data in a window's state.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.local.events.streams import Streams

MAX_RECORD_ATTEMPTS = 6
FIRST_PAUSE_SECONDS = 0.2
MAX_PAUSE_SECONDS = 5.0
WINDOW = timedelta(minutes=1)

Record = Mapping[str, Any]
Function = Callable[[dict[str, Any]], Any]


class StreamSource:
    """Delivers the records of one table's stream to one function, in order."""

    def __init__(
        self,
        streams: Streams,
        table: str,
        function: Function,
        *,
        max_records: int,
        report: Callable[[str], None],
        accepts: Callable[[Record], bool] = lambda record: True,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        """`max_records` limits a batch, `accepts` is the filter of the event source, `report` gets error messages."""
        self._streams, self._table, self._function, self._accepts = streams, table, function, accepts
        self._max_records = self._batch_size = max_records
        self._report, self._seconds = report, seconds
        self._attempts, self._paused_until = 0, 0.0

    def deliver(self) -> float | None:
        """Delivers one batch, unless delivery is paused after a failure. Returns a delay as `Source.deliver` does."""
        remaining_pause = self._paused_until - self._seconds()
        if remaining_pause > 0:
            return remaining_pause
        batch = self._streams.waiting(self._table, self._batch_size)
        if not batch:
            return None
        accepted = [record for record in batch if is_change(record) and self._accepts(record)]
        try:
            response = self._function(self._event(accepted)) if accepted else None
        except Exception as error:  # the server must continue, whatever the handler raises
            return self._handle_exception(batch, accepted, error)
        return self._handle_response(batch, _failed_numbers(response))

    def _handle_response(self, batch: Sequence[Record], failed: set[str]) -> float:
        applied = next((index for index, record in enumerate(batch) if number(record) in failed), len(batch))
        if failed and applied == len(batch):  # the failures name no record of the batch: Lambda retries all of it
            applied = 0
        self._streams.take(self._table, applied)
        self._batch_size = self._max_records
        if applied:
            self._attempts = 0
        return self._pause() if failed else 0.0

    def _handle_exception(self, batch: Sequence[Record], accepted: Sequence[Record], error: Exception) -> float:
        if len(batch) > 1:
            self._batch_size = len(batch) // 2
            return 0.0
        record = f"change {number(accepted[0])} of {self._table}"
        if self._attempts == 0:
            self._report(f"{record} cannot be applied, trying again: {error!r}")
        pause = self._pause()
        if self._attempts < MAX_RECORD_ATTEMPTS:
            return pause
        attempts = f"{MAX_RECORD_ATTEMPTS} attempts"
        self._report(f"{record} is skipped after {attempts}; the next start rebuilds the statistics: {error!r}")
        self._streams.lose(self._table)
        self._attempts, self._paused_until = 0, 0.0
        return 0.0

    def _pause(self) -> float:
        pause = min(MAX_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** min(self._attempts, MAX_RECORD_ATTEMPTS))
        self._attempts += 1
        self._paused_until = self._seconds() + pause
        return pause

    def _event(self, records: Sequence[Record]) -> dict[str, Any]:
        now = datetime.now(UTC).replace(microsecond=0)
        return {
            "Records": list(records),
            "window": {"start": _format(now), "end": _format(now + WINDOW)},
            "state": {},
            "shardId": self._streams.shard,
            "eventSourceARN": records[0]["eventSourceARN"],
            "isFinalInvokeForWindow": False,
            "isWindowTerminatedEarly": False,
        }


def number(record: Record) -> str:
    """Returns the sequence number of a record."""
    return str(record["dynamodb"]["SequenceNumber"])


def is_change(record: Record) -> bool:
    """Returns whether the write changed the item. moto also records writes without a change; DynamoDB does not."""
    images = record["dynamodb"]
    return bool(images.get("OldImage") != images.get("NewImage"))


def _failed_numbers(response: Any) -> set[str]:
    failures = response.get("batchItemFailures") if isinstance(response, Mapping) else None
    return {str(failure.get("itemIdentifier")) for failure in failures or ()}


def _format(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
