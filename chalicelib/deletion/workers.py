"""The long jobs: one slice after the other, each of which may be the last before the worker dies.

Nothing is remembered but counts: what is still there says what is to be done next.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chalicelib.buckets.service import Buckets
from chalicelib.deletion.cleaning import Cleaner, delete_next_slice
from chalicelib.keys import partition
from chalicelib.namespaces.service import Namespaces
from chalicelib.tasks.task import Task
from chalicelib.tasks.worker import Slice


@dataclass(frozen=True, slots=True)
class BucketDeletion:
    """Removes one bucket."""

    buckets: Buckets
    cleaners: Sequence[Cleaner]

    def run(self, task: Task) -> Slice:
        """One slice. Raises Unavailable when the storage cannot serve it."""
        place, bucket_id = _place(task), str(task.about["bucket_id"])
        cleaned = self.buckets.clear(place, bucket_id, lambda: delete_next_slice(self.cleaners, place, bucket_id))
        if cleaned is not None:
            return Slice(done=False, progress=_more(task.progress, *cleaned))
        return Slice(done=True, progress=task.progress, outputs=[bucket_id])


@dataclass(frozen=True, slots=True)
class NamespaceDeletion:
    """Removes one namespace, bucket by bucket."""

    namespaces: Namespaces
    buckets: Buckets
    cleaners: Sequence[Cleaner]

    def run(self, task: Task) -> Slice:
        """One slice. Raises Unavailable when the storage cannot serve it."""
        place, namespace_id = _place(task), str(task.about["namespace_id"])
        if not self.namespaces.is_deleted_by(task.organization, namespace_id, task.task_id):
            return Slice(done=True, progress=task.progress, outputs=[namespace_id])
        bucket_id = self.buckets.first_id(place)
        if bucket_id is None:
            self.namespaces.finish_deletion(task.organization, namespace_id, task.task_id)
            return Slice(done=True, progress=task.progress, outputs=[namespace_id])
        self.buckets.close(place, bucket_id, task.task_id)
        cleaned = self.buckets.clear(place, bucket_id, lambda: delete_next_slice(self.cleaners, place, bucket_id))
        return Slice(done=False, progress=_more(task.progress, *(cleaned or ("buckets", 1))))


def _place(task: Task) -> str:
    return partition(task.organization, str(task.about["namespace_id"]))


def _more(progress: Mapping[str, Any], name: str, removed: int) -> dict[str, Any]:
    counted = f"{name}_deleted"
    return {**progress, counted: int(progress.get(counted, 0)) + removed}
