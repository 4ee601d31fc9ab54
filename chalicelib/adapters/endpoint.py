"""What a request to the webhook URL of a bucket is checked against, before anything else of the bucket is read.

It is a small row of its own, which is written in the transaction that writes the bucket. So a request without a valid
signature costs one small read, and takes the same time whether or not the bucket exists.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from chalicelib.core.clock import format_timestamp


def endpoint_of(adapter: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Returns the attributes of the row for a stored adapter, or None if the adapter receives no webhooks."""
    if adapter is None or adapter.get("webhook_secret") is None:
        return None
    secrets: list[dict[str, str]] = [{"secret": adapter["webhook_secret"]}]
    if adapter.get("previous_secret") is not None:
        secrets.append({"secret": adapter["previous_secret"], "until": adapter["previous_secret_expires_at"]})
    return {"adapter_type": adapter["adapter_type"], "secrets": secrets}


def valid_secrets(endpoint: Mapping[str, Any], now: datetime) -> list[str]:
    """Returns the secrets in such a row that are valid, in their stored form, the current one first."""
    moment = format_timestamp(now)
    return [each["secret"] for each in endpoint["secrets"] if each.get("until", moment) >= moment]
