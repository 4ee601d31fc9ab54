"""How a deletion begins: in one transaction, after which the thing is gone from use and a task has the rest."""

from __future__ import annotations

from dataclasses import dataclass

from chalicelib.buckets.bucket import Bucket
from chalicelib.buckets.service import Buckets
from chalicelib.deletion.workers import BUCKET, NAMESPACE
from chalicelib.foundation.keys import partition
from chalicelib.foundation.steps import Step
from chalicelib.namespaces.namespace import Namespace
from chalicelib.namespaces.service import Namespaces
from chalicelib.tasks.service import Tasks


@dataclass(frozen=True, slots=True)
class Deletions:
    """Begins deletions of buckets and namespaces."""

    namespaces: Namespaces
    buckets: Buckets
    tasks: Tasks

    def delete_bucket(self, organization: str, namespace_id: str, identifier: str, *, force: bool = False) -> Bucket:
        """The bucket as it stands now: it takes no writes, its name is free, and `deletion_task` removes it.

        A second call gives the same task. Raises BucketNotFound, and BucketLocked unless forced.
        """

        def started(bucket: Bucket) -> tuple[str, Step]:
            about = {"namespace_id": namespace_id, "bucket_id": bucket.bucket_id, "bucket_name": bucket.name}
            task = self.tasks.new(organization, BUCKET, inputs=[bucket.bucket_id], about=about)
            return task.task_id, self.tasks.step(task)

        return self.buckets.begin_deletion(partition(organization, namespace_id), identifier, started, force=force)

    def delete_namespace(self, organization: str, identifier: str, *, force: bool = False) -> Namespace:
        """The namespace as it stands now: it takes no writes, its name is free, and `deletion_task` removes it.

        A second call gives the same task. Raises NamespaceNotFound, and BucketLocked where a bucket in it is
        locked, unless forced.
        """
        found = self.namespaces.get(organization, identifier)
        if found.deletion_task is None and not force:
            self.buckets.check_unlocked(partition(organization, found.namespace_id))

        def started(namespace: Namespace) -> tuple[str, Step]:
            about = {"namespace_id": namespace.namespace_id, "namespace_name": namespace.name}
            task = self.tasks.new(organization, NAMESPACE, inputs=[namespace.namespace_id], about=about)
            return task.task_id, self.tasks.step(task)

        return self.namespaces.begin_deletion(organization, found.namespace_id, started)
