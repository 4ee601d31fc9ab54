"""The domain model of a namespace, its row in the catalog table, and its JSON form."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from chalicelib.core.errors import RequestInvalid, invalid
from chalicelib.core.json_codec import Document, bounded, text_of
from chalicelib.core.record import record
from chalicelib.stats.tally import EMPTY_TALLY, Tally

if TYPE_CHECKING:
    from chalicelib.namespaces.models import NamespaceModel


# DynamoDB allows 400 KB per row.
MAX_SETTINGS_BYTES = 300_000


@record
class Namespace:
    """The configuration and totals of a namespace. `deletion_task` is the id of the task that deletes it, if any."""

    namespace_id: str
    name: str
    revision: int
    created_at: str
    updated_at: str
    expires_at: str | None
    settings: Mapping[str, Any]
    deletion_task: str | None = None
    bucket_count: int = 0
    tally: Tally = EMPTY_TALLY

    @property
    def etag(self) -> str:
        """The ETag, which changes with the revision and with the statistics: `"<id>-<revision>-<buckets>.<tally>"`."""
        return f'"{self.namespace_id}-{self.revision}-{self.bucket_count}.{self.tally.revision}"'


def to_response(namespace: Namespace) -> NamespaceModel:
    """Returns the namespace as it is sent to clients."""
    settings = namespace.settings
    return {
        "object": "namespace",
        "namespace_id": namespace.namespace_id,
        "namespace_name": namespace.name,
        "description": settings.get("description"),
        "namespace_type": settings.get("namespace_type") or "standard",
        "scope": settings.get("scope") or "org",
        "mode": settings.get("mode"),
        "feature_extractors": settings.get("feature_extractors") or [],
        "payload_indexes": settings.get("payload_indexes") or [],
        "vector_configs": settings.get("vector_configs") or [],
        "bucket_count": namespace.bucket_count,
        "object_count": namespace.tally.object_count,
        "document_count": 0,
        "collection_count": 0,
        "document_count_complete": True,
        "namespace_ready": True,
        "created_at": namespace.created_at,
        "updated_at": namespace.updated_at,
        "expires_at": namespace.expires_at,
    }


def searchable_texts(namespace: Namespace) -> Iterator[str]:
    """Yields the texts that a search compares: id, name and description."""
    yield namespace.namespace_id
    yield namespace.name
    yield namespace.settings.get("description") or ""


def to_item(namespace: Namespace) -> dict[str, Any]:
    """Returns the attributes of the row of a namespace without its keys."""
    return {
        "namespace_id": namespace.namespace_id,
        "namespace_name": namespace.name,
        "revision": namespace.revision,
        "created_at": namespace.created_at,
        "updated_at": namespace.updated_at,
        "expires_at": namespace.expires_at,
        "deletion_task": namespace.deletion_task,
        "settings": bounded(text_of(namespace.settings), MAX_SETTINGS_BYTES, _too_large),
    }


def _too_large() -> RequestInvalid:
    message = f"The description and declarations of the namespace exceed {MAX_SETTINGS_BYTES} bytes"
    return invalid("body", message=message, type="namespace_too_large")


def from_item(item: Mapping[str, Any], bucket_count: int = 0, tally: Tally = EMPTY_TALLY) -> Namespace:
    """Returns the namespace that is stored in a row."""
    return Namespace(
        namespace_id=item["namespace_id"],
        name=item["namespace_name"],
        revision=item["revision"],
        created_at=item["created_at"],
        updated_at=item["updated_at"],
        expires_at=item.get("expires_at"),
        deletion_task=item.get("deletion_task"),
        settings=Document(json.loads(item["settings"]), item["settings"]),
        bucket_count=bucket_count,
        tally=tally,
    )
