"""The settings of a bucket: the part of its configuration that its row keeps as one JSON document."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from chalicelib.core.json_codec import to_json

if TYPE_CHECKING:
    from chalicelib.core.storage_class import StorageClass
    from chalicelib.schemas.unique_key import StoredUniqueKey


@dataclass(frozen=True, slots=True)
class BucketSettings:
    """Description, schema, unique key, metadata, storage class and source adapter, including its secrets.

    `schema` and `source_adapter` are JSON objects in the form in which they are stored.
    """

    schema: dict[str, Any]
    description: str | None = None
    unique_key: StoredUniqueKey | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    storage_class: StorageClass | None = None
    source_adapter: dict[str, Any] | None = None
    _text: str | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def text(self) -> str:
        """The settings as JSON. A text that was read is returned unchanged: encoding it again takes time."""
        if self._text is None:
            object.__setattr__(self, "_text", to_json(self._document()))
        return str(self._text)

    def _document(self) -> dict[str, Any]:
        return {
            "description": self.description,
            "bucket_schema": self.schema,
            "unique_key": self.unique_key,
            "metadata": self.metadata,
            "storage_class": self.storage_class,
            "source_adapter": self.source_adapter,
        }


def read_settings(text: str) -> BucketSettings:
    """Returns the settings of a JSON text that `BucketSettings.text` returned."""
    document = json.loads(text)
    settings = BucketSettings(
        schema=document["bucket_schema"],
        description=document.get("description"),
        unique_key=document.get("unique_key"),
        metadata=document.get("metadata") or {},
        storage_class=document.get("storage_class"),
        source_adapter=document.get("source_adapter"),
    )
    object.__setattr__(settings, "_text", text)
    return settings
