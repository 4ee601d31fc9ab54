"""The settings of a bucket: the part of its configuration that its row keeps as one JSON document."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from chalicelib.core.json_codec import to_json

if TYPE_CHECKING:
    from chalicelib.core.storage_class import StorageClass
    from chalicelib.schemas.unique_key import StoredUniqueKey


class BucketSettings:
    """Description, schema, unique key, metadata, storage class and source adapter, including its secrets.

    `schema` and `source_adapter` are JSON objects in the form in which they are stored. Instances do not change.
    """

    # A plain class: a dataclass takes half a millisecond of every cold start.
    __slots__ = ("_text", "description", "metadata", "schema", "source_adapter", "storage_class", "unique_key")

    def __init__(
        self,
        schema: dict[str, Any],
        *,
        description: str | None = None,
        unique_key: StoredUniqueKey | None = None,
        metadata: dict[str, Any] | None = None,
        storage_class: StorageClass | None = None,
        source_adapter: dict[str, Any] | None = None,
        text: str | None = None,
    ) -> None:
        """`text` is the JSON that the settings were read from, if they were."""
        self.schema = schema
        self.description = description
        self.unique_key = unique_key
        self.metadata: dict[str, Any] = metadata or {}
        self.storage_class = storage_class
        self.source_adapter = source_adapter
        self._text = text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BucketSettings) and self.text == other.text

    def with_adapter(self, source_adapter: dict[str, Any] | None) -> BucketSettings:
        """Returns the same settings with another source adapter."""
        return BucketSettings(
            self.schema,
            description=self.description,
            unique_key=self.unique_key,
            metadata=self.metadata,
            storage_class=self.storage_class,
            source_adapter=source_adapter,
        )

    __hash__ = None  # type: ignore[assignment]

    @property
    def text(self) -> str:
        """The settings as JSON. A text that was read is returned unchanged: encoding it again takes time."""
        if self._text is None:
            self._text = to_json(
                {
                    "description": self.description,
                    "bucket_schema": self.schema,
                    "unique_key": self.unique_key,
                    "metadata": self.metadata,
                    "storage_class": self.storage_class,
                    "source_adapter": self.source_adapter,
                }
            )
        return self._text


def read_settings(text: str) -> BucketSettings:
    """Returns the settings of a JSON text that `BucketSettings.text` returned."""
    document = json.loads(text)
    return BucketSettings(
        document["bucket_schema"],
        description=document.get("description"),
        unique_key=document.get("unique_key"),
        metadata=document.get("metadata"),
        storage_class=document.get("storage_class"),
        source_adapter=document.get("source_adapter"),
        text=text,
    )
