"""The bucket, its row in the database, and its form in responses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from chalicelib.adapters.view import shown_adapter
from chalicelib.buckets.errors import BucketTooLarge
from chalicelib.buckets.settings import BucketSettings, read_settings
from chalicelib.core.json_codec import bounded
from chalicelib.listing.search import strings_in
from chalicelib.stats.tally import EMPTY_TALLY, Tally

if TYPE_CHECKING:
    from chalicelib.buckets.response_models import BucketResponse

ACTIVE = "ACTIVE"
DELETING = "IN_PROGRESS"
# DynamoDB limits an item to 400 KB. The other attributes of the row need much less than the remaining 100 KB.
MAX_SETTINGS_BYTES = 300_000


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket's configuration, and the statistics of its objects (`tally`).

    `revision` is incremented by every change of the configuration, `schema_version` by every change of the schema.
    `stored_bytes` is the size of `settings` in a response. `deletion_task` is the id of the task that removes the
    bucket, if it is being deleted. `in_use` is true if requests may be creating objects that match this schema;
    `unused_since` is the time at which that ended.
    """

    bucket_id: str
    name: str
    status: str
    is_locked: bool
    revision: int
    schema_version: int
    created_at: str
    updated_at: str
    settings: BucketSettings
    deletion_task: str | None = None
    in_use: bool = False
    unused_since: str | None = None
    stored_bytes: int = 0
    tally: Tally = EMPTY_TALLY

    @property
    def schema(self) -> dict[str, Any]:
        """The bucket's schema, as the client wrote it."""
        return self.settings.schema

    @property
    def etag(self) -> str:
        """The entity tag: bucket id, revision of the configuration, revision of the statistics."""
        return f'"{self.bucket_id}-{self.revision}-{self.tally.revision}"'

    def with_tally(self, tally: Tally) -> Bucket:
        """Returns the same bucket with other statistics."""
        return replace(self, tally=tally)


def new_bucket(bucket_id: str, name: str, settings: BucketSettings, now: str) -> Bucket:
    """Returns a new, empty bucket. `now` is a timestamp in the API's format."""
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


def show(bucket: Bucket, *, webhook_secret: str | None = None) -> BucketResponse:
    """Returns the bucket as clients receive it. The adapter's secret is redacted unless `webhook_secret` is given."""
    settings, tally = bucket.settings, bucket.tally
    adapter = settings.source_adapter
    return {
        "bucket_id": bucket.bucket_id,
        "bucket_name": bucket.name,
        "description": settings.description,
        "bucket_schema": settings.schema,
        "unique_key": dict(settings.unique_key) if settings.unique_key else None,
        "metadata": settings.metadata,
        "storage_class": settings.storage_class,
        "object_count": tally.object_count,
        "total_size_bytes": tally.total_size_bytes,
        "created_at": bucket.created_at,
        "updated_at": bucket.updated_at,
        "last_upload_at": tally.last_upload_at,
        "stats_updated_at": tally.stats_updated_at,
        "status": bucket.status,  # type: ignore[typeddict-item]
        "is_locked": bucket.is_locked,
        "batch_stats": tally.batch_stats,
        "storage_stats": tally.storage_stats,
        "source_adapter": shown_adapter(adapter, webhook_secret=webhook_secret) if adapter else None,
        "failed_object_count": tally.failed_object_count,
        "destination": None,
        "ingest_filter": None,
    }


def texts(bucket: Bucket) -> Iterator[str]:
    """Yields the texts that a search reads: id, name, description and every string in the metadata."""
    yield bucket.bucket_id
    yield bucket.name
    yield bucket.settings.description or ""
    yield from strings_in(bucket.settings.metadata)


def to_item(bucket: Bucket) -> dict[str, Any]:
    """Returns the attributes of the bucket's row, except its keys. Raises BucketTooLarge."""
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
        "in_use": bucket.in_use or None,
        "unused_since": bucket.unused_since,
        "settings": bounded(bucket.settings.text, MAX_SETTINGS_BYTES, lambda: BucketTooLarge(MAX_SETTINGS_BYTES)),
    }


def _response_bytes(settings: str) -> int:
    # A Lambda function returns the response body as a JSON string, in which quotes and backslashes take two bytes.
    size = len(settings) if settings.isascii() else len(settings.encode())
    return size + settings.count('"') + settings.count("\\")


def from_item(item: Mapping[str, Any], tally: Tally = EMPTY_TALLY) -> Bucket:
    """Returns the bucket of a row."""
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
        in_use=item.get("in_use", False),
        unused_since=item.get("unused_since"),
        settings=read_settings(item["settings"]),
        stored_bytes=_response_bytes(item["settings"]),
        tally=tally,
    )
