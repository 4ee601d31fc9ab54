"""Starts the deletion of buckets and namespaces: one transaction closes the resource and stores a task."""

from __future__ import annotations

from contextlib import suppress
from functools import partial

from chalicelib.aws.dynamodb.writes import Step
from chalicelib.buckets.bucket import Bucket
from chalicelib.buckets.service import Buckets
from chalicelib.core.record import record
from chalicelib.core.statuses import TaskStatusEnum
from chalicelib.http.preconditions import ANY, Preconditions
from chalicelib.keys import partition
from chalicelib.namespaces.namespace import Namespace
from chalicelib.namespaces.service import Namespaces
from chalicelib.tasks.errors import TaskNotRestartable
from chalicelib.tasks.service import Tasks

# The task types.
BUCKET_DELETION, NAMESPACE_DELETION = "api_buckets_delete", "api_namespaces_delete"


@record
class Deletions:
    """Starts the deletion of buckets and namespaces."""

    namespaces: Namespaces
    buckets: Buckets
    tasks: Tasks

    def delete_bucket(
        self,
        organization: str,
        namespace_id: str,
        identifier: str,
        *,
        force: bool = False,
        preconditions: Preconditions = ANY,
    ) -> Bucket:
        """Starts the deletion of a bucket, and returns the bucket. Its `deletion_task` is the id of the task.

        After this, the bucket rejects writes, and its name can be used again. A second call returns the same task, and
        restarts it if it has failed. If the task has expired, the call creates a new one. Raises BucketNotFound,
        RevisionStale if a precondition fails, and BucketLocked and BatchesActive unless `force` is true.
        """

        def new_task(bucket: Bucket) -> tuple[str, Step]:
            about = {"namespace_id": namespace_id, "bucket_id": bucket.bucket_id, "bucket_name": bucket.name}
            task = self.tasks.new(organization, BUCKET_DELETION, inputs=[bucket.bucket_id], about=about)
            return task.task_id, self.tasks.step(task)

        ensure_running = partial(self._ensure_running, organization)
        in_partition = partition(organization, namespace_id)
        return self.buckets.begin_deletion(
            in_partition, identifier, new_task, ensure_running, force=force, preconditions=preconditions
        )

    def delete_namespace(
        self,
        organization: str,
        identifier: str,
        *,
        cached_id: str = "",
        force: bool = False,
        preconditions: Preconditions = ANY,
    ) -> Namespace:
        """Starts the deletion of a namespace, and returns the namespace. Its `deletion_task` is the id of the task.

        A second call has the same effect as for a bucket. `cached_id` is as in `Namespaces.get`. Raises
        NamespaceNotFound, NamespaceStale if a precondition fails, and unless `force` is true, BucketLocked if a bucket
        in the namespace is locked, and BatchesActive if batches in it have not ended.
        """

        def new_task(namespace: Namespace) -> tuple[str, Step]:
            if namespace.deletion_task is None and not force:
                self.buckets.check_unlocked(partition(organization, namespace.namespace_id))
                self.buckets.check_no_batches(partition(organization, namespace.namespace_id))
            about = {"namespace_id": namespace.namespace_id, "namespace_name": namespace.name}
            task = self.tasks.new(organization, NAMESPACE_DELETION, inputs=[namespace.namespace_id], about=about)
            return task.task_id, self.tasks.step(task)

        ensure_running = partial(self._ensure_running, organization)
        return self.namespaces.begin_deletion(
            organization, identifier, new_task, ensure_running, cached_id=cached_id, preconditions=preconditions
        )

    def _ensure_running(self, organization: str, task_id: str) -> bool:
        """Restarts a failed task, and returns whether the task still exists."""
        task = self.tasks.find(organization, task_id)
        if task is not None and task.status == TaskStatusEnum.FAILED:
            with suppress(TaskNotRestartable):  # another call has restarted it
                self.tasks.restart(organization, task_id)
        return task is not None
