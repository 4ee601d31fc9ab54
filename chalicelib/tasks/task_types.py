"""The task types of the API. The official clients reject a response that contains any other type."""

from __future__ import annotations

BATCH_PROCESSING = "api_buckets_batches_process"
# It creates objects in the bucket of a source adapter. The API has no type for this alone.
SOURCE_ADAPTER_REFRESH = "api_buckets_objects_create"
UPLOAD_CONFIRMATION = "api_buckets_uploads_confirm"
UPLOADS_CONFIRMATION = "api_buckets_uploads_batch_confirm"
TASK_TYPES = (
    "api_namespaces_create",
    "api_namespaces_delete",
    SOURCE_ADAPTER_REFRESH,
    "api_buckets_delete",
    BATCH_PROCESSING,
    "api_buckets_batches_submit",
    "api_buckets_uploads_create",
    UPLOAD_CONFIRMATION,
    UPLOADS_CONFIRMATION,
)
