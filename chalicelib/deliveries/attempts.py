"""Applies stored deliveries again: for real (replay), or to see what it would do (forecast)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from chalicelib import keys
from chalicelib.aws.dynamodb.optimistic_lock import VersionConflict, retry_on_conflict
from chalicelib.aws.dynamodb.writes import Step
from chalicelib.aws.retry import DeadlineExceeded
from chalicelib.buckets.bucket import Bucket
from chalicelib.core.clock import Clock
from chalicelib.deliveries.applying import Application
from chalicelib.deliveries.delivery import Delivery, is_expired
from chalicelib.deliveries.errors import DeliveryChanged, DeliveryNotFound
from chalicelib.deliveries.payload import payload_of
from chalicelib.deliveries.store import DeliveryStore

NOT_FOUND = "There is no delivery with this id"
NO_BODY = "The body of the delivery has expired"
TIME_IS_UP = "The time limit of the request has ended; send the remaining deliveries in another request"


@dataclass(frozen=True, slots=True)
class NextAttempt:
    """Records another attempt to apply a stored delivery, on condition that it has not changed."""

    store: DeliveryStore
    before: Delivery

    def steps(self, outcome: Delivery) -> Sequence[Step]:
        """Returns the write that records the outcome."""
        return self.store.steps_of_attempt(self.before, outcome)

    def record(self, outcome: Delivery) -> None:
        """Records the outcome. Raises DeliveryChanged."""
        self.store.write(list(self.steps(outcome)))


class NoRecord:
    """Records nothing: a forecast changes no rows."""

    def steps(self, outcome: Delivery) -> Sequence[Step]:
        """Returns no writes."""
        return ()

    def record(self, outcome: Delivery) -> None:
        """Does nothing."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """A delivery before and after a replay. `error` says why it was not replayed; then `after` is None."""

    delivery_id: str
    before: Delivery | None = None
    after: Delivery | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Replay:
    """Applies stored deliveries again, with the current adapter of their bucket."""

    store: DeliveryStore
    application: Application
    clock: Clock
    pause: Callable[[float], None] = time.sleep

    def run(self, rows: str, bucket: Bucket, delivery_ids: Iterable[str]) -> Iterator[Replayed]:
        """Yields the result for each id, in this order.

        A replay keeps the time of receipt, so the age of a delivery does not matter. Once the time limit of the request
        has ended, no further delivery is replayed. Raises BucketLocked, BucketNotActive and Unavailable.
        """
        place = keys.parse_deliveries_partition(rows)
        assert place is not None, "the key is that of deliveries"
        bucket = self.application.open_bucket(place[0], bucket)
        for delivery_id in delivery_ids:
            if self.store.table.deadline_expired():
                yield Replayed(delivery_id, error=TIME_IS_UP)
                continue
            try:
                yield retry_on_conflict(lambda id_=delivery_id: self._replay(rows, bucket, id_), self.pause)  # type: ignore[misc]
            except DeadlineExceeded:
                yield Replayed(delivery_id, error=TIME_IS_UP)

    def _replay(self, rows: str, bucket: Bucket, delivery_id: str) -> Replayed:
        found = find_with_body(self.store, rows, delivery_id, self.clock)
        if isinstance(found, str):
            return Replayed(delivery_id, error=found)
        before, body = found
        next_attempt = replace(before, attempt=before.attempt + 1)
        try:
            after = self.application.apply(next_attempt, payload_of(body), bucket, NextAttempt(self.store, before))
        except DeliveryChanged as error:
            raise VersionConflict() from error
        return Replayed(delivery_id, before, after)


def find_with_body(store: DeliveryStore, rows: str, delivery_id: str, clock: Clock) -> tuple[Delivery, bytes] | str:
    """Returns a delivery and its body, or why they cannot be had."""
    found = store.find(rows, delivery_id)
    if found is None or is_expired(found, clock()):
        return NOT_FOUND
    body = store.body(found)
    return NO_BODY if body is None else (found, body)


def get(store: DeliveryStore, rows: str, delivery_id: str, clock: Clock) -> Delivery:
    """Returns a delivery. Raises DeliveryNotFound, also for one whose retention period has ended."""
    found = store.find(rows, delivery_id)
    if found is None or is_expired(found, clock()):
        raise DeliveryNotFound(delivery_id)
    return found
