"""The stream of a table as a source of events, with the manners of Lambda's event source for streams.

What a function reports as not applied is delivered again from the first such record on. A batch that it
fails on is halved, until the record is alone that it fails on; that one is left out after a few tries, with
a message, and the next start of the engine makes good for it by counting.

Every call is the first of its window, and there are no calls for the ends of windows: functions must keep
nothing in a window's state.
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
    """Delivers the stream of one table to one function, in order."""

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
        """At most `max_records` records a batch, of those that the function `accepts`; `report` hears of trouble."""
        self._streams, self._table, self._function, self._wants = streams, table, function, accepts
        self._most = self._size = max_records
        self._tell, self._seconds = report, seconds
        self._tries, self._rest_until = 0, 0.0

    def deliver(self) -> float | None:
        """Delivers one batch, unless it is resting from a failure."""
        delay = self._rest_until - self._seconds()
        if delay > 0:
            return delay
        batch = self._streams.waiting(self._table, self._size)
        if not batch:
            return None
        news = [record for record in batch if is_change(record) and self._wants(record)]
        try:
            answer = self._function(self._event(news)) if news else None
        except Exception as error:  # whatever it is, the server goes on
            return self._failed_on(batch, news, error)
        return self._applied(batch, _failures(answer))

    def _applied(self, batch: Sequence[Record], failed: set[str]) -> float:
        applied = next((at for at, record in enumerate(batch) if number(record) in failed), len(batch))
        if failed and applied == len(batch):  # it names none of ours, which Lambda takes for all of them
            applied = 0
        self._streams.take(self._table, applied)
        self._size = self._most
        if applied:
            self._tries = 0
        return self._pause() if failed else 0.0

    def _failed_on(self, batch: Sequence[Record], news: Sequence[Record], error: Exception) -> float:
        if len(batch) > 1:
            self._size = len(batch) // 2
            return 0.0
        if self._tries == 0:
            self._tell(f"{self._place(news[0])} cannot be applied, trying again: {error!r}")
        pause = self._pause()
        if self._tries < MAX_RECORD_ATTEMPTS:
            return pause
        self._tell(
            f"{self._place(news[0])} is skipped after {MAX_RECORD_ATTEMPTS} attempts; the next start counts anew: {error!r}"
        )
        self._streams.lose(self._table)
        self._tries, self._rest_until = 0, 0.0
        return 0.0

    def _pause(self) -> float:
        pause = min(MAX_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** min(self._tries, MAX_RECORD_ATTEMPTS))
        self._tries += 1
        self._rest_until = self._seconds() + pause
        return pause

    def _place(self, record: Record) -> str:
        return f"change {number(record)} of {self._table}"

    def _event(self, records: Sequence[Record]) -> dict[str, Any]:
        now = datetime.now(UTC).replace(microsecond=0)
        return {
            "Records": list(records),
            "window": {"start": _moment(now), "end": _moment(now + WINDOW)},
            "state": {},
            "shardId": self._streams.shard,
            "eventSourceARN": records[0]["eventSourceARN"],
            "isFinalInvokeForWindow": False,
            "isWindowTerminatedEarly": False,
        }


def number(record: Record) -> str:
    """The sequence number of a record."""
    return str(record["dynamodb"]["SequenceNumber"])


def is_change(record: Record) -> bool:
    """Whether the write changed anything. moto tells of those too that did not; DynamoDB does not."""
    told = record["dynamodb"]
    return bool(told.get("OldImage") != told.get("NewImage"))


def _failures(answer: Any) -> set[str]:
    named = answer.get("batchItemFailures") if isinstance(answer, Mapping) else None
    return {str(each.get("itemIdentifier")) for each in named or ()}


def _moment(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
