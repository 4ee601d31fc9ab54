"""Lets adapters receive webhooks that were stored by a version that did not write the rows of webhook URLs."""

from __future__ import annotations

from contextlib import suppress

from chalicelib.aws.dynamodb.optimistic_lock import VersionConflict, retry_on_conflict
from chalicelib.buckets.bucket import Bucket
from chalicelib.buckets.errors import BucketNotFound
from chalicelib.buckets.service import Buckets


def register_endpoint(buckets: Buckets, partition: str, bucket: Bucket) -> bool:
    """Writes the row of a bucket's webhook URL if it is missing or differs from the adapter. Returns whether it did.

    Does nothing for a bucket that is deleted meanwhile. Raises Unavailable.
    """
    with suppress(VersionConflict):
        return buckets.store.register_endpoint(partition, bucket)

    def attempt() -> bool:
        try:
            current = buckets.get(partition, bucket.bucket_id)
        except BucketNotFound:
            return False
        return buckets.store.register_endpoint(partition, current)

    return retry_on_conflict(attempt, buckets.pause)
