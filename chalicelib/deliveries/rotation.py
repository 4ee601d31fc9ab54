"""Replaces the secret of a source adapter, without losing the events that are signed with the old one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from chalicelib.adapters.view import PREVIOUS_SECRET
from chalicelib.buckets.bucket import Bucket
from chalicelib.buckets.service import Buckets
from chalicelib.core.clock import Clock, format_timestamp
from chalicelib.core.sealed import check_not_sealed
from chalicelib.deliveries.errors import AdapterMissing


@dataclass(frozen=True, slots=True)
class Rotation:
    """Replaces secrets. `new_secret` generates one."""

    buckets: Buckets
    new_secret: Callable[[], str]
    clock: Clock

    def rotate(self, partition: str, identifier: str, secret: str | None, grace_seconds: int) -> Bucket:
        """Gives the adapter of a bucket a new secret, and returns the bucket with it.

        The current secret remains valid for `grace_seconds`. An older one that is still valid is not any longer: at
        most two are. If the new secret is the current one, nothing changes, so a request can be repeated. Raises
        BucketNotFound, BucketLocked, BucketNotActive, AdapterMissing, RequestInvalid, Unavailable.
        """
        check_not_sealed(secret, "body", "webhook_secret")
        new = secret or self.new_secret()

        def revised(adapter: dict[str, Any] | None) -> dict[str, Any]:
            if adapter is None or adapter.get("webhook_secret") is None:
                raise AdapterMissing()
            return {**adapter, "webhook_secret": new, **self._previous(adapter, grace_seconds)}

        return self.buckets.change_adapter(partition, identifier, revised)

    def _previous(self, adapter: dict[str, Any], grace_seconds: int) -> dict[str, Any]:
        if grace_seconds == 0:
            return dict.fromkeys(PREVIOUS_SECRET)
        end = self.clock() + timedelta(seconds=grace_seconds)
        return {"previous_secret": adapter["webhook_secret"], "previous_secret_expires_at": format_timestamp(end)}
