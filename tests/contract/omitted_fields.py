"""The fields of response models of the SDK that this service omits, and the reason for each."""

from __future__ import annotations

_CLONING = "this service does not clone namespaces"
_SPENDING = "this service does not bill its users"
_CLUSTERS = "this service has no clusters"
_VECTORS = "this service stores no vectors"
_DOCUMENTS = "this service has no documents and no collections, so the SDK's default is correct"
_PROCESSING = "the object is stored when the response is sent, and nothing is derived from it later"
_DECLARED = "each namespace shows its declarations; they are not counted, and the SDK reads the absent number as 0"

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
}

# Models whose values are returned as the client sent them, without defaults for absent keys.
RETURNED_UNCHANGED = frozenset(
    {"BucketSchemaFieldOutput", "BaseFeatureExtractorModelOutput", "FieldSchema", "EdgeModel"}
)


def lines() -> list[str]:
    """Returns the table of omitted fields in Markdown."""
    head = ["| response model | omitted field | reason |", "|---|---|---|"]
    return head + [f"| {model} | `{field}` | {why} |" for (model, field), why in OMITTED_FIELDS.items()]
