"""The task types of the API. The official clients reject a response that contains any other type."""

from __future__ import annotations

TASK_TYPES = (
    "api_namespaces_create",
    "api_namespaces_delete",
    "api_buckets_objects_create",
    "api_buckets_delete",
    "api_buckets_batches_process",
    "api_buckets_batches_submit",
    "api_buckets_uploads_create",
    "api_buckets_uploads_confirm",
    "api_buckets_uploads_batch_confirm",
)
