"""A namespace as the service knows it, its row, and how it is shown."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chalicelib.core.errors import RequestInvalid, invalid
from chalicelib.core.json_codec import Document, bounded, text_of
from chalicelib.stats.models import EMPTY_TALLY, Tally

if TYPE_CHECKING:
    from chalicelib.namespaces.models import NamespaceModel


# A row holds 400 KB at most.
MAX_SETTINGS_BYTES = 300_000


@dataclass(frozen=True, slots=True)
class Namespace:
    """A namespace's configuration, with its totals beside it, and the task that removes it, if one does."""

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
        """Names this state: the namespace, its revision, then what is counted in it."""
        return f'"{self.namespace_id}-{self.revision}-{self.bucket_count}.{self.tally.revision}"'


def show(namespace: Namespace) -> NamespaceModel:
    """The namespace as clients receive it."""
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


def texts(namespace: Namespace) -> Iterator[str]:
    """What a search reads: id, name and description."""
    yield namespace.namespace_id
    yield namespace.name
    yield namespace.settings.get("description") or ""


def to_item(namespace: Namespace) -> dict[str, Any]:
    """The attributes of the namespace's row, its keys excepted."""
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
    message = f"The namespace's description and declarations have more than {MAX_SETTINGS_BYTES} bytes"
    return invalid("body", message=message, type="namespace_too_large")


def from_item(item: Mapping[str, Any], bucket_count: int = 0, tally: Tally = EMPTY_TALLY) -> Namespace:
    """The namespace in a row."""
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
