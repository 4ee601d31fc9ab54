"""Pages of the delivery log."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from chalicelib.aws.retry import DeadlineExceeded
from chalicelib.core.clock import format_timestamp
from chalicelib.deliveries.delivery import RETENTION, Delivery
from chalicelib.deliveries.store import DeliveryStore
from chalicelib.listing import cursors
from chalicelib.listing.cursors import CursorInvalid

_LOG_KEY = re.compile(r"[0-9TZ:.-]{1,32}#[a-z0-9_]{1,64}")


@dataclass(frozen=True, slots=True)
class LogQuery:
    """Which part of the log of a bucket is wanted. `rows` is the partition key of its deliveries.

    `received_after` (inclusive) and `received_before` (exclusive) are timestamps. A page has at most `limit`
    deliveries, after those of the page with this `cursor`.
    """

    rows: str
    limit: int
    state: str | None = None
    event_type: str | None = None
    received_after: str | None = None
    received_before: str | None = None
    cursor: str | None = None
    descending: bool = True

    @property
    def fingerprint(self) -> str:
        """The hash of the query, which its cursors contain."""
        condition = (self.state, self.event_type, self.received_after, self.received_before)
        return cursors.fingerprint(f"deliveries {self.rows} {condition} {self.descending}")

    def position(self) -> str | None:
        """Returns the log key after which the page starts. Raises CursorInvalid."""
        if self.cursor is None:
            return None
        position = cursors.decode(self.cursor, query=self.fingerprint)
        if len(position) != 1 or not isinstance(position[0], str) or not _LOG_KEY.fullmatch(position[0]):
            raise CursorInvalid()
        return position[0]


@dataclass(frozen=True, slots=True)
class LogPage:
    """The deliveries of a page, and the cursor of the next one; None if there is none."""

    deliveries: list[Delivery]
    next_cursor: str | None


def read_page(store: DeliveryStore, query: LogQuery, now: datetime) -> LogPage:
    """Returns a page of the deliveries whose retention period has not ended at the time `now`.

    If few deliveries match, it may be short, and has a cursor. Raises CursorInvalid, Unavailable.
    """
    found: list[Delivery] = []
    reached: str | None = None
    try:
        for log_key, delivery in _entries(store, query, format_timestamp(now - RETENTION)):
            if len(found) == query.limit:
                return LogPage(found, _cursor(query, reached))
            reached = log_key
            if delivery is not None and query.event_type in (None, delivery.event_type):
                found.append(delivery)
    except DeadlineExceeded:
        if reached is None:
            raise
        return LogPage(found, _cursor(query, reached))
    return LogPage(found, None)


def _entries(store: DeliveryStore, query: LogQuery, oldest: str) -> Iterator[tuple[str, Delivery | None]]:
    after, before, position = max(query.received_after or "", oldest), query.received_before, query.position()
    if position is not None and query.descending:
        before = position
    elif position is not None:
        after = max(after, position)
    return store.walk(query.rows, after=after, before=before, descending=query.descending, state=query.state)


def _cursor(query: LogQuery, reached: str | None) -> str:
    return cursors.encode([reached], query=query.fingerprint)
