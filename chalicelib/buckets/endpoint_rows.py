"""The row that leads from the webhook URL of a bucket to the bucket and its secrets."""

from __future__ import annotations

from typing import Any

from chalicelib import keys
from chalicelib.adapters.endpoint import endpoint_of
from chalicelib.aws.dynamodb.expressions import absent, any_of, equals
from chalicelib.aws.dynamodb.optimistic_lock import VersionConflict
from chalicelib.aws.dynamodb.writes import Delete, Put, Step
from chalicelib.buckets.bucket import Bucket


def endpoint_steps(partition: str, old: Bucket | None, new: Bucket | None) -> list[Step]:
    """Returns the write that lets the adapter of a bucket receive webhooks, or ends that, if it changes."""
    before, after = (endpoint_row(partition, bucket) if bucket else None for bucket in (old, new))
    bucket = new or old
    if before == after or bucket is None:
        return []
    key = keys.webhook_endpoint(bucket.bucket_id)
    # The key has no namespace, so that an id that two buckets had by chance must not lead from one to the other.
    is_own = any_of(absent("pk"), equals("partition", partition))
    if after is None:
        return [Delete(key, is_own, lambda _: VersionConflict())]
    return [Put({**key, **after}, is_own, lambda _: VersionConflict())]


def endpoint_row(partition: str, bucket: Bucket) -> dict[str, Any] | None:
    """Returns the attributes of the row beside its key, or None if the bucket receives no webhooks."""
    endpoint = endpoint_of(bucket.settings.source_adapter)
    return {"partition": partition, **endpoint} if endpoint else None
