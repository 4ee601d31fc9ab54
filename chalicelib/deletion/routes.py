"""The operations that delete buckets and namespaces."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

from chalicelib.buckets.errors import BucketLocked, BucketNotFound
from chalicelib.deletion.service import Deletions
from chalicelib.http.operation import Answer, Call, Operation
from chalicelib.namespaces.errors import NamespaceNotFound

STARTED = "PENDING"


def deletion_operations(deletions: Callable[[], Deletions]) -> list[Operation]:
    """Delete a bucket, delete a namespace."""

    def delete_bucket(call: Call) -> Answer:
        bucket = deletions().delete_bucket(
            call.organization_id,
            call.namespace_id,
            call.path["bucket_identifier"],
            force=call.query.force_foreclose,
        )
        return Answer(
            {
                "task_id": bucket.deletion_task,
                "status": STARTED,
                "bucket_id": bucket.bucket_id,
                "bucket_name": bucket.name,
                "object_count": bucket.tally.object_count,
            }
        )

    def delete_namespace(call: Call) -> Answer:
        namespace = deletions().delete_namespace(call.organization_id, call.namespace_id, force=call.query.force)
        return Answer(
            {
                "task_id": namespace.deletion_task,
                "status": STARTED,
                "namespace_id": namespace.namespace_id,
                "namespace_name": namespace.name,
            }
        )

    return [
        Operation(
            method="DELETE",
            path="/v1/buckets/{bucket_identifier}",
            name="delete_bucket",
            tag="Buckets",
            summary="Delete Bucket",
            description="Deletes a bucket with all that is in it. Its name is free at once; a task does the rest.",
            run=delete_bucket,
            query=lambda: _models().DeleteBucketQuery,
            answer=lambda: _models().BucketDeletionStarted,
            scope="namespace",
            permission="delete",
            refusals=(BucketNotFound, BucketLocked),
        ),
        Operation(
            method="DELETE",
            path="/v1/namespaces/{namespace_identifier}",
            name="delete_namespace",
            tag="Namespaces",
            summary="Delete Namespace",
            description="Deletes a namespace with all that is in it. Its name is free at once; a task does the rest.",
            run=delete_namespace,
            query=lambda: _models().DeleteNamespaceQuery,
            answer=lambda: _models().NamespaceDeletionStarted,
            scope="namespace_path",
            permission="admin",
            refusals=(NamespaceNotFound, BucketLocked),
        ),
    ]


def _models() -> ModuleType:
    """The models, which only these operations need."""
    from chalicelib.deletion import models

    return models
