"""The fields of response models of the SDK that this service omits, and the reason for each."""

from __future__ import annotations

_CLONING = "this service does not clone namespaces"
_SPENDING = "this service does not bill its users"
_CLUSTERS = "this service has no clusters"
_VECTORS = "this service stores no vectors"
_DOCUMENTS = "this service has no documents and no collections, so the SDK's default is correct"
_PROCESSING = "the object is stored when the response is sent, and nothing is derived from it later"
_DECLARED = "each namespace shows its declarations; they are not counted, and the SDK reads the absent number as 0"

_OUTCOMES = "every object has one outcome, and the fields of the batch count them"
_NO_RESTARTS = "an interrupted run continues; it does not start again"
_STAGES = "processing has one stage, the hook"
_NO_QUEUE = "there is no queue between batches"
_KEYS = "the log line of the request has the id of the API key"

_OF_BATCHES: dict[str, tuple[str, ...]] = {
    _SPENDING: ("cost", "quota_block_first_seen_at"),
    _DOCUMENTS: (
        "documents_written",
        "documents_replaced",
        "documents_deleted",
        "documents_resolvable_error",
        "pages_dropped",
        "pages_dropped_reasons",
        "segments_dropped",
        "segments_dropped_reasons",
    ),
    _OUTCOMES: ("dedup_audit", "status_diagnostics", "internal_metadata"),
    _NO_RESTARTS: ("last_retry_at", "retry_reason"),
    _NO_QUEUE: ("queue_context",),
    _KEYS: ("submitted_by_key_id", "submitted_by_key_prefix", "submitted_by_is_internal"),
}
_OF_PROGRESS: dict[str, tuple[str, ...]] = {
    _STAGES: (
        "active_step",
        "batch_count",
        "chunk_stats",
        "current_stage",
        "extraction_first_error",
        "objects_extracted",
        "phases",
        "stage_history",
    ),
    _OUTCOMES: ("objects_failed", "overshoot_percent", "status_warnings"),
    _DOCUMENTS: ("documents_skipped", "documents_written"),
    _NO_QUEUE: ("queue_position", "queue_reason"),
}
_OF_TIERS: dict[str, tuple[str, ...]] = {
    _STAGES: ("performance", "extractor_jobs", "parent_task_id", "submission_params", "requires_gpu", "worker_groups"),
    "this service has no Ray and no Celery": (
        "celery_task_id",
        "infrastructure_events",
        "ray_job_completed_at",
        "ray_job_id",
        "ray_job_logs",
        "ray_job_logs_captured_at",
        "ray_job_started_at",
        "ray_job_status",
    ),
    _DOCUMENTS: (
        "collection_ids",
        "source_collection_ids",
        "source_documents_fetched",
        "documents_after_source_filter",
        "documents_missing_input_fields",
        "documents_submitted_to_engine",
        "documents_written",
        "documents_replaced",
        "documents_deleted",
        "documents_before_processing",
    ),
    _OUTCOMES: ("errors", "error_summary", "audit", "audit_override_reason"),
}

# By model and field of the SDK. The SDK parses an absent field as null or as the field's default.
OMITTED_FIELDS: dict[tuple[str, str], str] = {
    ("NamespaceModel", "infrastructure"): _CLUSTERS,
    ("NamespaceModel", "cluster_id"): _CLUSTERS,
    ("NamespaceModel", "trusted_issuers"): "this service accepts only API keys",
    ("NamespaceModel", "cost_cap_override"): _SPENDING,
    ("NamespaceModel", "spend_budget"): _SPENDING,
    ("NamespaceModel", "budget"): _SPENDING,
    ("NamespaceModel", "tiering"): _VECTORS,
    ("NamespaceModel", "pinned"): _VECTORS,
    ("NamespaceModel", "auto_create_indexes"): "a request for it is rejected, so the SDK's default, false, is correct",
    ("NamespaceModel", "adaptive_indexing"): "a request for it is rejected, so the SDK's default, false, is correct",
    ("NamespaceModel", "vector_inference_map"): _VECTORS,
    ("NamespaceModel", "dynamic_vector_indexes"): _VECTORS,
    ("NamespaceModel", "payload_index_count"): "payload indexes are shown and not counted",
    ("NamespaceModel", "clone_status"): _CLONING,
    ("NamespaceModel", "clone_error"): _CLONING,
    ("NamespaceModel", "clone_phase"): _CLONING,
    ("NamespaceModel", "clone_task_id"): _CLONING,
    ("NamespaceModel", "clone_dispatched_at"): _CLONING,
    ("NamespaceModel", "source_namespace_id"): _CLONING,
    ("StandaloneNamespaceResponseModel", "status"): "the SDK's default, active, is correct",
    ("StandaloneNamespaceResponseModel", "tiering"): _VECTORS,
    ("HealthServiceStatus", "analytics"): "the SDK reads null as a backend that is not deployed",
    ("HealthServiceErrors", "analytics"): "the SDK reads null as a backend that is not deployed",
    ("NamespaceListStats", "total_feature_extractors"): _DECLARED,
    ("NamespaceListStats", "avg_feature_extractors_per_namespace"): _DECLARED,
    ("NamespaceListStats", "total_payload_indexes"): _DECLARED,
    ("NamespaceListStats", "avg_payload_indexes_per_namespace"): _DECLARED,
    ("NamespaceListStats", "total_documents"): _DOCUMENTS,
    ("NamespaceListStats", "total_documents_complete"): _DOCUMENTS,
    ("NamespaceListStats", "avg_documents_per_namespace"): _DOCUMENTS,
    ("NamespaceListStats", "total_collections"): _DOCUMENTS,
    ("NamespaceListStats", "avg_collections_per_namespace"): _DOCUMENTS,
    ("ObjectResponse", "consistency"): _PROCESSING,
    ("BatchObjectResult", "consistency"): _PROCESSING,
    **{("BatchModel", name): reason for reason, names in _OF_BATCHES.items() for name in names},
    **{("BatchProgress", name): reason for reason, names in _OF_PROGRESS.items() for name in names},
    **{("TierTaskInfo", name): reason for reason, names in _OF_TIERS.items() for name in names},
    ("BulkSubmittedBatch", "estimate"): _SPENDING,
    ("TaskResponse", "cancellation"): "nothing is dispatched to another system that a cancellation would have to stop",
}

# Models whose values are returned as the client sent them, without defaults for absent keys.
RETURNED_UNCHANGED = frozenset(
    {"BucketSchemaFieldOutput", "BaseFeatureExtractorModelOutput", "FieldSchema", "EdgeModel", "BatchMetadata"}
)


def lines() -> list[str]:
    """Returns the table of omitted fields in Markdown."""
    head = ["| response model | omitted field | reason |", "|---|---|---|"]
    return head + [f"| {model} | `{field}` | {why} |" for (model, field), why in OMITTED_FIELDS.items()]
