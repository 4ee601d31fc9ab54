"""The field names that are reserved for the service, in schemas and in objects."""

from __future__ import annotations

# What the service shows at the root of an object, the parameters of a create request, and the members of a row in a
# bulk response.
RESERVED_NAMES = frozenset(
    {
        "object_id", "bucket_id", "namespace_id", "internal_id", "collection_id", "blobs", "status", "error",
        "created_at", "updated_at", "document_count", "consistency", "source_details", "content_hash",
        "lifecycle_state",
        "key_prefix", "edges", "idempotency_key", "skip_duplicates", "canonicalize_source", "force_remirror",
        "object_index", "replayed", "replayed_by",
    }
)  # fmt: skip


def is_reserved(name: str) -> bool:
    """Whether no object can have a field with this name at its root, so that a schema cannot declare it."""
    return name in RESERVED_NAMES or name.startswith("_")
