"""A bucket as the service knows it, its row, and how it is shown."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from chalicelib.adapters.view import shown_adapter
from chalicelib.buckets.errors import BucketTooLarge
from chalicelib.core.json_codec import Document, bounded, text_of
from chalicelib.listing.search import texts_of
from chalicelib.stats.models import EMPTY_TALLY, Tally

if TYPE_CHECKING:
    from chalicelib.buckets.response_models import BucketResponse

ACTIVE = "ACTIVE"
DELETING = "IN_PROGRESS"
# DynamoDB's row ends at 400 KB; what indexes and names need beside the settings stays far below the rest.
MAX_SETTINGS_BYTES = 300_000


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket's configuration, with what is known of its objects beside it.

    `revision` counts the writes of the configuration, `schema_version` those of the schema; `settings`
    is the document of everything that only people and objects care for, secrets included. `deletion_task`
    is the task that removes the bucket, if it is being deleted.
    """

    bucket_id: str
    name: str
    status: str
    is_locked: bool
    revision: int
    schema_version: int
    created_at: str
    updated_at: str
    settings: Mapping[str, Any]
    deletion_task: str | None = None
    stored_bytes: int = 0
    tally: Tally = EMPTY_TALLY

    @property
    def schema(self) -> dict[str, Any]:
        """The bucket's schema, as given."""
        schema: dict[str, Any] = self.settings["bucket_schema"]
        return schema

    @property
    def etag(self) -> str:
        """Names this state: the bucket, the configuration's revision, then that of its statistics."""
        return f'"{self.bucket_id}-{self.revision}-{self.tally.revision}"'

    def with_tally(self, tally: Tally) -> Bucket:
        """The same bucket with these totals."""
        return replace(self, tally=tally)


def new_bucket(bucket_id: str, name: str, settings: Mapping[str, Any], now: str) -> Bucket:
    """A bucket made now, with nothing in it."""
    return Bucket(
        bucket_id=bucket_id,
        name=name,
        status=ACTIVE,
        is_locked=False,
        revision=1,
        schema_version=1,
        created_at=now,
        updated_at=now,
        settings=settings,
    )


def show(bucket: Bucket, *, reveal_secret: bool = False) -> BucketResponse:
    """The bucket as clients receive it; the adapter's secret is in clear only when it is revealed."""
    settings, tally = bucket.settings, bucket.tally
    adapter = settings.get("source_adapter")
    return {
        "bucket_id": bucket.bucket_id,
        "bucket_name": bucket.name,
        "description": settings.get("description"),
        "bucket_schema": settings["bucket_schema"],
        "unique_key": settings.get("unique_key"),
        "metadata": settings.get("metadata") or {},
        "storage_class": settings.get("storage_class"),
        "object_count": tally.object_count,
        "total_size_bytes": tally.total_size_bytes,
        "created_at": bucket.created_at,
        "updated_at": bucket.updated_at,
        "last_upload_at": tally.last_upload_at,
        "stats_updated_at": tally.stats_updated_at,
        "status": bucket.status,  # type: ignore[typeddict-item]
        "is_locked": bucket.is_locked,
        "batch_stats": tally.batch,
        "storage_stats": tally.storage,
        "source_adapter": shown_adapter(adapter, reveal_secret=reveal_secret) if adapter else None,
        "failed_object_count": tally.failed_object_count,
        "destination": None,
        "ingest_filter": None,
    }


def texts(bucket: Bucket) -> Iterator[str]:
    """What a search reads: id, name, description and every text in the metadata."""
    yield bucket.bucket_id
    yield bucket.name
    yield bucket.settings.get("description") or ""
    yield from texts_of(bucket.settings.get("metadata") or {})


def to_item(bucket: Bucket) -> dict[str, Any]:
    """The attributes of the bucket's row, its keys excepted. Raises BucketTooLarge."""
    return {
        "bucket_id": bucket.bucket_id,
        "bucket_name": bucket.name,
        "status": bucket.status,
        "is_locked": bucket.is_locked,
        "revision": bucket.revision,
        "schema_version": bucket.schema_version,
        "created_at": bucket.created_at,
        "updated_at": bucket.updated_at,
        "deletion_task": bucket.deletion_task,
        "settings": bounded(text_of(bucket.settings), MAX_SETTINGS_BYTES, lambda: BucketTooLarge(MAX_SETTINGS_BYTES)),
    }


def _answered_bytes(settings: str) -> int:
    # Lambda hands the answer on as a string inside of JSON, where quotes and backslashes count twice.
    size = len(settings) if settings.isascii() else len(settings.encode())
    return size + settings.count('"') + settings.count("\\")


def from_item(item: Mapping[str, Any], tally: Tally = EMPTY_TALLY) -> Bucket:
    """The bucket in a row."""
    return Bucket(
        bucket_id=item["bucket_id"],
        name=item["bucket_name"],
        status=item["status"],
        is_locked=item["is_locked"],
        revision=item["revision"],
        schema_version=item["schema_version"],
        created_at=item["created_at"],
        updated_at=item["updated_at"],
        deletion_task=item.get("deletion_task"),
        settings=Document(json.loads(item["settings"]), item["settings"]),
        stored_bytes=_answered_bytes(item["settings"]),
        tally=tally,
    )
