"""Starts the task that takes over the objects of the source buckets of an adapter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib import keys
from chalicelib.aws.dynamodb.table import Table
from chalicelib.buckets.bucket import Bucket
from chalicelib.buckets.service import Buckets, check_writable
from chalicelib.deliveries.errors import RefreshNotSupported
from chalicelib.tasks.service import Tasks
from chalicelib.tasks.task import NewTask
from chalicelib.tasks.task_types import SOURCE_ADAPTER_REFRESH

FAN_IN = "bucket"


@dataclass(frozen=True, slots=True)
class Refresh:
    """Starts refreshes. `catalog` is the table of tasks."""

    buckets: Buckets
    tasks: Tasks
    catalog: Table

    def start(self, organization: str, namespace_id: str, identifier: str) -> tuple[Bucket, NewTask]:
        """Starts the refresh of a bucket. Returns the bucket and the task.

        Several refreshes of one bucket may run at the same time. Raises BucketNotFound, BucketLocked, BucketNotActive,
        RefreshNotSupported.
        """
        bucket = self.buckets.get(keys.partition(organization, namespace_id), identifier)
        check_writable(bucket)
        adapter = bucket.settings.source_adapter
        if adapter is None or not can_refresh(adapter):
            raise RefreshNotSupported()
        about = {
            "operation": "source_adapter_refresh",
            "namespace_id": namespace_id,
            "bucket_id": bucket.bucket_id,
            "source_bucket_ids": adapter["source_bucket_ids"],
        }
        inputs = [bucket.bucket_id]
        task = self.tasks.new(organization, SOURCE_ADAPTER_REFRESH, inputs=inputs, about=about, cancellable=True)
        self.catalog.write(self.tasks.step(task))
        return bucket, task


def can_refresh(adapter: Mapping[str, Any]) -> bool:
    """Returns whether an adapter takes the objects of other buckets."""
    return bool(adapter["adapter_type"] == FAN_IN and adapter["enabled"])
