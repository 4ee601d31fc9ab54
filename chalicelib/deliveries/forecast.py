"""Forecasts what deliveries would do with an adapter. Nothing is written.

A forecast runs the same code as a replay, on a store that keeps all writes in memory. So if the adapter is then applied
and the same deliveries are replayed, the outcomes are those of the forecast.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from chalicelib.adapters.verification.handshakes import handshake
from chalicelib.aws.dynamodb.table import Table
from chalicelib.buckets.bucket import Bucket
from chalicelib.buckets.service import check_writable
from chalicelib.core.clock import Clock, format_timestamp
from chalicelib.core.json_codec import to_json
from chalicelib.deliveries.applying import Application
from chalicelib.deliveries.attempts import TIME_IS_UP, NoRecord, find_with_body
from chalicelib.deliveries.delivery import IGNORED, PARKED, Delivery
from chalicelib.deliveries.errors import AdapterMissing
from chalicelib.deliveries.payload import payload_of
from chalicelib.deliveries.store import DeliveryStore
from chalicelib.objects.service import Objects
from chalicelib.objects.stored_object import StoredObject

HANDSHAKE = "The payload is a handshake, which the service responds to, and does not keep"

if TYPE_CHECKING:
    from chalicelib.adapters.models import SourceAdapterConfig


@dataclass(frozen=True, slots=True)
class Forecasted:
    """A delivery before and after an attempt that was not recorded, and the object as it would be then.

    `before` is None for a payload of the request. `error` says why a stored delivery was not tried.
    """

    delivery_id: str | None
    before: Delivery | None = None
    after: Delivery | None = None
    stored: StoredObject | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class AdapterTest:
    """Tries adapters."""

    store: DeliveryStore
    objects: Objects
    clock: Clock

    def with_adapter(self, bucket: Bucket, config: SourceAdapterConfig) -> Bucket:
        """Returns the bucket as it would be with this adapter. Raises RequestInvalid, NotEnabled, AdapterMissing."""
        from chalicelib.adapters.rules import ADAPTER, WEBHOOK_TYPES, check_adapter, stored_adapter

        check_adapter(config, bucket.schema)
        if config.adapter_type not in WEBHOOK_TYPES:
            raise AdapterMissing()
        previous = bucket.settings.source_adapter
        # The secret does not matter for a test.
        url = (previous or {}).get("webhook_url")
        adapter = stored_adapter(config, previous, new_secret=lambda: "", webhook_url=url, location=ADAPTER)
        return replace(bucket, settings=bucket.settings.with_adapter(adapter))

    def of_stored(self, bucket: Bucket, rows: str, delivery_ids: Iterable[str]) -> Iterator[Forecasted]:
        """Yields the forecast for each of these deliveries, applied one after another. Raises Unavailable."""
        forecast = _Forecast(self.objects.forecasting(), self.store.table, self.clock, bucket)
        for delivery_id in delivery_ids:
            if self.store.table.deadline_expired():
                yield Forecasted(delivery_id, error=TIME_IS_UP)
                continue
            found = find_with_body(self.store, rows, delivery_id, self.clock)
            yield Forecasted(delivery_id, error=found) if isinstance(found, str) else forecast.of_delivery(*found)

    def of_payloads(self, bucket: Bucket, place: tuple[str, str], payloads: Sequence[Any]) -> Iterator[Forecasted]:
        """Yields the forecast for each of these JSON values, applied one after another. Raises Unavailable.

        `place` is the organization and the namespace of the bucket.
        """
        forecast = _Forecast(self.objects.forecasting(), self.store.table, self.clock, bucket)
        for payload in payloads:
            yield forecast.of_payload(place, payload)


@dataclass(frozen=True, slots=True)
class _Forecast:
    """One test. Later deliveries see the objects of earlier ones."""

    objects: Objects
    table: Table
    clock: Clock
    bucket: Bucket

    def of_delivery(self, before: Delivery, body: bytes) -> Forecasted:
        after = self._apply(replace(before, attempt=before.attempt + 1), body)
        return Forecasted(before.delivery_id, before, after, self._stored(after))

    def of_payload(self, place: tuple[str, str], payload: Any) -> Forecasted:
        adapter, body = self.bucket.settings.source_adapter or {}, to_json(payload).encode()
        type_, now = adapter["adapter_type"], format_timestamp(self.clock())
        new = Delivery(*place, self.bucket.bucket_id, "", type_, "", now, now, PARKED, len(body), 0)
        if handshake(type_, payload, ["any"]) is not None:
            return Forecasted(None, None, replace(new, state=IGNORED, reason=HANDSHAKE))
        after = self._apply(new, body)
        return Forecasted(None, None, after, self._stored(after))

    def _apply(self, delivery: Delivery, body: bytes) -> Delivery:
        application = Application(partial(self.objects.recording, self.table), _checked, self.clock)
        return application.apply(delivery, payload_of(body), self.bucket, NoRecord())

    def _stored(self, delivery: Delivery) -> StoredObject | None:
        if delivery.object_id is None:
            return None
        return self.objects.store.find(delivery.partition, delivery.bucket_id, delivery.object_id)


def _checked(partition: str, bucket: Bucket) -> Bucket:
    """Raises BucketLocked or BucketNotActive as a real attempt does, but does not mark the bucket as used."""
    check_writable(bucket)
    return bucket
