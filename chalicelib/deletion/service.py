"""How a deletion begins: in one transaction, after which the thing is gone from use and a task has the rest."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from chalicelib.aws.dynamodb.writes import Step
from chalicelib.buckets.bucket import Bucket
from chalicelib.buckets.service import Buckets
from chalicelib.core.statuses import TaskStatusEnum
from chalicelib.keys import partition
from chalicelib.namespaces.namespace import Namespace
from chalicelib.namespaces.service import Namespaces
from chalicelib.tasks.errors import TaskNotRestartable
from chalicelib.tasks.service import Tasks

# The types of its tasks.
BUCKET_DELETION, NAMESPACE_DELETION = "api_buckets_delete", "api_namespaces_delete"


@dataclass(frozen=True, slots=True)
class Deletions:
    """Begins deletions of buckets and namespaces."""

    namespaces: Namespaces
    buckets: Buckets
    tasks: Tasks

    def delete_bucket(self, organization: str, namespace_id: str, identifier: str, *, force: bool = False) -> Bucket:
        """The bucket as it stands now: it takes no writes, its name is free, and `deletion_task` removes it.

        A second call gives the same task, started again if it failed, and another if its time is over. Raises
        BucketNotFound, and BucketLocked unless forced.
        """

        def started(bucket: Bucket) -> tuple[str, Step]:
            about = {"namespace_id": namespace_id, "bucket_id": bucket.bucket_id, "bucket_name": bucket.name}
            task = self.tasks.new(organization, BUCKET_DELETION, inputs=[bucket.bucket_id], about=about)
            return task.task_id, self.tasks.step(task)

        place, goes_on = partition(organization, namespace_id), partial(self._goes_on, organization)
        return self.buckets.begin_deletion(place, identifier, started, goes_on, force=force)

    def delete_namespace(self, organization: str, identifier: str, *, force: bool = False) -> Namespace:
        """The namespace as it stands now: it takes no writes, its name is free, and `deletion_task` removes it.

        A second call is as that for a bucket. Raises NamespaceNotFound, and BucketLocked where a bucket in it is
        locked, unless forced.
        """
        found = self.namespaces.get(organization, identifier)
        if found.deletion_task is None and not force:
            self.buckets.check_unlocked(partition(organization, found.namespace_id))

        def started(namespace: Namespace) -> tuple[str, Step]:
            about = {"namespace_id": namespace.namespace_id, "namespace_name": namespace.name}
            task = self.tasks.new(organization, NAMESPACE_DELETION, inputs=[namespace.namespace_id], about=about)
            return task.task_id, self.tasks.step(task)

        goes_on = partial(self._goes_on, organization)
        return self.namespaces.begin_deletion(organization, found.namespace_id, started, goes_on)

    def _goes_on(self, organization: str, task_id: str) -> bool:
        """Whether the task is still there, and so can go on; one that failed is started again."""
        task = self.tasks.find(organization, task_id)
        if task is not None and task.status == TaskStatusEnum.FAILED:
            with suppress(TaskNotRestartable):  # another call was quicker
                self.tasks.restart(organization, task_id)
        return task is not None
