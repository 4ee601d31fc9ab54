"""Source adapters after a start of the embedded engine: continues their windows, and counts their deliveries again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime

from chalicelib import keys
from chalicelib.batches.queue import BatchQueue
from chalicelib.deliveries.counters import Attempt, attempt_of
from chalicelib.deliveries.feed import join_of
from chalicelib.deliveries.outbox import seconds_until, window_message
from chalicelib.deliveries.state_store import StateStore
from chalicelib.deliveries.windows import Join
from chalicelib.local.moto import rows
from chalicelib.local.moto.backends import Backends
from chalicelib.stats.images import InvalidRow, integer


def continue_windows(states: StateStore, queue: BatchQueue, found: Iterable[tuple[str, str]], now: datetime) -> None:
    """Sends the message of each window that is open or has no batch yet, with the delay that remains.

    The messages of the previous process were in its memory. `found` are the keys of all rows about deliveries; only
    those of windows are read.
    """
    for partition, sk in found:
        if (closed := keys.parse_closed_window_key(sk)) is not None:
            queue.send([window_message(partition, closed)])
        elif keys.is_adapter_state(sk):
            window = states.find(partition).window
            if window is not None and window.closes_at is not None:
                message = window_message(partition, window.window_id)
                queue.send([message], delay_seconds=seconds_until(window.closes_at, now))


@dataclass(slots=True)
class _Found:
    """The latest attempts of the deliveries to a bucket, and their objects that have joined no window yet."""

    attempts: list[Attempt] = field(default_factory=list)
    joins: list[tuple[str, Join]] = field(default_factory=list)


def rebuild_adapters(states: StateStore, backends: Backends, catalog: str) -> None:
    """Counts the deliveries to all buckets again, and lets their objects join windows that they have not joined.

    There must be no writes and no delivery of stream records meanwhile.
    """
    recording = replace(states, records_joins=True)
    for partition, found in _deliveries(backends, catalog).items():
        joins = [join for _, join in sorted(found.joins, key=lambda entry: entry[0])]
        recording.recount(partition, found.attempts, joins)


def _deliveries(backends: Backends, catalog: str) -> dict[str, _Found]:
    """Returns what is known about the deliveries to each bucket, by the partition key of their rows."""
    found: dict[str, _Found] = defaultdict(_Found)
    account = backends.account
    with backends.lock:
        for partition, sk in rows.keys_of(account, catalog, prefix=keys.deliveries_prefix()):
            if (delivery_id := keys.parse_delivery_key(sk)) is None:
                continue
            with suppress(InvalidRow):  # a damaged row does not count, as in the fold of the stream
                row = rows.row_of(account, catalog, partition, sk)
                attempt, join = attempt_of(row), join_of(row)
                assert attempt is not None, "the row exists"
                found[partition].attempts.append(attempt)
                if join is not None and _joined_attempt(account, catalog, partition, delivery_id) < join.attempt:
                    found[partition].joins.append((attempt.updated_at, join))
    return dict(found)


def _joined_attempt(account: str, catalog: str, partition: str, delivery_id: str) -> int:
    """Returns the number of the last attempt of a delivery whose object has joined a window, or 0."""
    row = rows.row_of(account, catalog, partition, keys.joined_delivery(partition, delivery_id)["sk"])
    return integer(row, "attempt") if row else 0
