"""Removes the deliveries to a bucket that is being deleted."""

from __future__ import annotations

from dataclasses import dataclass

from chalicelib import keys
from chalicelib.deliveries.store import DeliveryStore

# The rows of bodies have up to 300 KB, and a slice takes a few seconds.
SLICE_ROWS = 100


@dataclass(frozen=True, slots=True)
class DeliveryCleaner:
    """Removes deliveries, their bodies, the state of the adapter, and its windows."""

    store: DeliveryStore
    name: str = "delivery_rows"

    def delete_slice(self, partition: str, bucket_id: str) -> int:
        """Removes some rows. Returns how many, or 0 if nothing remains."""
        return self.store.remove_some(keys.deliveries(partition, bucket_id), SLICE_ROWS)
