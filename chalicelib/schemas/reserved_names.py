"""The field names that are reserved for the service.

Names that start with an underscore are reserved too, in schemas and in objects.
"""

from __future__ import annotations

# Names that the service stores at the root of an object. A schema cannot declare them, and an object cannot set them.
RESERVED_NAMES = frozenset(
    {
        "object_id", "bucket_id", "namespace_id", "internal_id", "collection_id", "blobs", "status", "error",
        "created_at", "updated_at", "document_count", "consistency", "source_details", "content_hash",
        "lifecycle_state",
    }
)  # fmt: skip

# The names of parameters of a create request and of members of a bulk response. An object cannot have fields with these
# names either, but a schema may declare them.
RESERVED_OBJECT_NAMES = RESERVED_NAMES | {
    "key_prefix", "edges", "idempotency_key", "skip_duplicates", "canonicalize_source", "force_remirror",
    "object_index", "replayed", "replayed_by",
}  # fmt: skip
