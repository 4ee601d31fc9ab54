"""Finds the bucket of a webhook URL, and the secrets that verify its signatures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chalicelib import keys
from chalicelib.adapters.endpoint import valid_secrets
from chalicelib.aws.dynamodb.table import Table
from chalicelib.aws.vault import Vault
from chalicelib.core.clock import Clock
from chalicelib.core.ids import is_id
from chalicelib.core.record import record


@record
class Endpoint:
    """The bucket of a webhook URL. `secrets` are the valid ones, the current one first; empty if there is no bucket."""

    partition: str
    bucket_id: str
    adapter_type: str
    secrets: tuple[str, ...]


NO_BUCKET_ID = "bkt_" + "0" * 16
UNKNOWN = Endpoint("", "", "", ())


@record
class Endpoints:
    """The webhook URLs of all buckets."""

    catalog: Table
    vault: Vault
    clock: Clock

    def find(self, adapter_type: str, bucket_id: str) -> Endpoint:
        """Returns the endpoint of a bucket with an adapter of this type, or UNKNOWN.

        Makes the same calls in either case, so that the time does not depend on it; `Vault.reveal_nothing` says what
        remains. The read is strongly consistent: a secret that was replaced must not be valid any longer. Raises
        Unavailable.
        """
        id_ = bucket_id if is_id(bucket_id, "bkt") else NO_BUCKET_ID
        row = self.catalog.get(keys.webhook_endpoint(id_))
        if row is None or row["adapter_type"] != adapter_type:
            self.vault.reveal_nothing(id_)
            return UNKNOWN
        return self._endpoint(bucket_id, row)

    def _endpoint(self, bucket_id: str, row: Mapping[str, Any]) -> Endpoint:
        secrets = tuple(self.vault.reveal(each, bucket_id) for each in valid_secrets(row, self.clock()))
        return Endpoint(row["partition"], bucket_id, row["adapter_type"], secrets)
