"""The workers of deletion tasks. They work in slices, and the process may end at any time.

A task stores only counts of what has been removed. Each slice finds out from the tables what remains.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chalicelib import keys
from chalicelib.buckets.service import Buckets
from chalicelib.deletion.cleaning import Cleaner, delete_next_slice
from chalicelib.namespaces.service import Namespaces
from chalicelib.tasks.task import Task
from chalicelib.tasks.worker import Slice


@dataclass(frozen=True, slots=True)
class BucketDeletion:
    """Deletes a bucket with its contents."""

    buckets: Buckets
    cleaners: Sequence[Cleaner]

    def run(self, task: Task) -> Slice:
        """Runs one slice. Raises Unavailable if AWS does not serve a call."""
        partition, bucket_id = _partition(task), str(task.about["bucket_id"])
        deleted = self.buckets.clean_or_remove(
            partition, bucket_id, lambda: delete_next_slice(self.cleaners, partition, bucket_id)
        )
        if deleted is not None:
            return Slice(done=False, progress=_add(task.progress, *deleted))
        return Slice(done=True, progress=task.progress, outputs=[bucket_id])


@dataclass(frozen=True, slots=True)
class NamespaceDeletion:
    """Deletes a namespace with its buckets, one after another."""

    namespaces: Namespaces
    buckets: Buckets
    cleaners: Sequence[Cleaner]

    def run(self, task: Task) -> Slice:
        """Runs one slice. Raises Unavailable if AWS does not serve a call."""
        partition, namespace_id = _partition(task), str(task.about["namespace_id"])
        if not self.namespaces.is_deleted_by(task.organization, namespace_id, task.task_id):
            return Slice(done=True, progress=task.progress, outputs=[namespace_id])
        bucket_id = self.buckets.first_id(partition)
        if bucket_id is None:
            self.namespaces.finish_deletion(task.organization, namespace_id, task.task_id)
            return Slice(done=True, progress=task.progress, outputs=[namespace_id])
        self.buckets.close_to_writes(partition, bucket_id, task.task_id)
        deleted = self.buckets.clean_or_remove(
            partition, bucket_id, lambda: delete_next_slice(self.cleaners, partition, bucket_id)
        )
        return Slice(done=False, progress=_add(task.progress, *(deleted or ("buckets", 1))))


def _partition(task: Task) -> str:
    return keys.partition(task.organization, str(task.about["namespace_id"]))


def _add(progress: Mapping[str, Any], name: str, removed: int) -> dict[str, Any]:
    counter = f"{name}_deleted"
    return {**progress, counter: int(progress.get(counter, 0)) + removed}
