"""The API operations that delete buckets and namespaces."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from chalicelib.buckets.errors import BatchesActive, BucketLocked, BucketNotFound, RevisionStale
from chalicelib.core.lazy_module import LazyModule
from chalicelib.deletion.service import Deletions
from chalicelib.http.operation import Call, JsonResponse, Operation
from chalicelib.http.preconditions import read_preconditions
from chalicelib.namespaces.errors import NamespaceNotFound, NamespaceStale

if TYPE_CHECKING:
    from chalicelib.deletion import models
else:
    models = LazyModule("chalicelib.deletion.models")

STARTED = "PENDING"


def deletion_operations(deletions: Callable[[], Deletions]) -> list[Operation]:
    """Returns the operations that delete a bucket and a namespace."""

    def delete_bucket(call: Call) -> JsonResponse:
        bucket = deletions().delete_bucket(
            call.organization_id,
            call.namespace_id,
            call.path["bucket_identifier"],
            force=call.query.force_foreclose,
            preconditions=read_preconditions(call.headers),
        )
        return JsonResponse(
            {
                "task_id": bucket.deletion_task,
                "status": STARTED,
                "bucket_id": bucket.bucket_id,
                "bucket_name": bucket.name,
                "object_count": bucket.tally.object_count,
            }
        )

    def delete_namespace(call: Call) -> JsonResponse:
        namespace = deletions().delete_namespace(
            call.organization_id,
            call.path["namespace_identifier"],
            cached_id=call.namespace_id,
            force=call.query.force,
            preconditions=read_preconditions(call.headers),
        )
        return JsonResponse(
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
            description="Deletes a bucket and its objects. Its name can be used at once; a task deletes the rest.",
            run=delete_bucket,
            query=lambda: models.DeleteBucketQuery,
            response=lambda: models.BucketDeletionStarted,
            scope="namespace",
            permission="delete",
            errors=(BucketNotFound, BucketLocked, BatchesActive, RevisionStale),
            conditional="write",
        ),
        Operation(
            method="DELETE",
            path="/v1/namespaces/{namespace_identifier}",
            name="delete_namespace",
            tag="Namespaces",
            summary="Delete Namespace",
            description="Deletes a namespace and its buckets. Its name can be used at once; a task deletes the rest.",
            run=delete_namespace,
            query=lambda: models.DeleteNamespaceQuery,
            response=lambda: models.NamespaceDeletionStarted,
            scope="namespace_path",
            permission="admin",
            errors=(NamespaceNotFound, BucketLocked, BatchesActive, NamespaceStale),
            conditional="write",
        ),
    ]
