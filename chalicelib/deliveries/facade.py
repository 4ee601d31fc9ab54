"""The services of deliveries together, as operations and commands use them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chalicelib import keys
from chalicelib.buckets.bucket import Bucket
from chalicelib.buckets.service import Buckets
from chalicelib.core.clock import Clock
from chalicelib.deliveries.attempts import Replay
from chalicelib.deliveries.delivery_log import LogQuery, read_page
from chalicelib.deliveries.errors import AdapterMissing
from chalicelib.deliveries.forecast import AdapterTest
from chalicelib.deliveries.refresh import Refresh
from chalicelib.deliveries.rotation import Rotation
from chalicelib.deliveries.state_store import StateStore
from chalicelib.deliveries.store import DeliveryStore

if TYPE_CHECKING:
    from chalicelib.adapters.models import SourceAdapterConfig


@dataclass(frozen=True, slots=True)
class DeliveryServices:
    """Everything that operations on source adapters and their deliveries need."""

    store: DeliveryStore
    states: StateStore
    replay: Replay
    test: AdapterTest
    rotation: Rotation
    refresh: Refresh
    buckets: Buckets
    clock: Clock

    def rows(self, partition: str, identifier: str) -> str:
        """Returns the partition key of the deliveries to a bucket. Raises BucketNotFound."""
        return keys.deliveries(partition, self.buckets.get(partition, identifier).bucket_id)

    def with_adapter(self, partition: str, identifier: str) -> Bucket:
        """Returns a bucket whose adapter receives webhooks. Raises BucketNotFound, AdapterMissing."""
        bucket = self.buckets.get(partition, identifier)
        if (bucket.settings.source_adapter or {}).get("webhook_secret") is None:
            raise AdapterMissing()
        return bucket

    def with_proposed(self, partition: str, identifier: str, proposed: SourceAdapterConfig | None) -> Bucket:
        """Returns a bucket with the proposed adapter, or with its own one if that is None.

        Raises BucketNotFound, AdapterMissing, RequestInvalid, NotEnabled.
        """
        if proposed is None:
            return self.with_adapter(partition, identifier)
        return self.test.with_adapter(self.buckets.get(partition, identifier), proposed)

    def chosen(self, query: LogQuery, delivery_ids: Sequence[str] | None) -> tuple[list[str], str | None]:
        """Returns the ids of the chosen deliveries, and the cursor of the following ones.

        Without `delivery_ids`, these are the ones of a page of the log. Raises CursorInvalid, Unavailable.
        """
        if delivery_ids is not None:
            return list(dict.fromkeys(delivery_ids)), None
        page = read_page(self.store, query, self.clock())
        return [delivery.delivery_id for delivery in page.deliveries], page.next_cursor
