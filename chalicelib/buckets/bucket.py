"""The bucket, its row in the database, and its form in responses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from chalicelib import keys
from chalicelib.adapters.view import shown_adapter
from chalicelib.buckets.settings import BucketSettings, read_settings
from chalicelib.buckets.settings_rows import attributes_of, known_settings
from chalicelib.core.json_codec import escaped_bytes
from chalicelib.core.record import record
from chalicelib.core.text import fold
from chalicelib.listing.search import strings_in
from chalicelib.stats.tally import EMPTY_TALLY, Tally

if TYPE_CHECKING:
    from chalicelib.buckets.response_models import BucketResponse

ACTIVE = "ACTIVE"
DELETING = "IN_PROGRESS"


@record
class Bucket:
    """A bucket's configuration, and the statistics of its objects (`tally`).

    `revision` is incremented by every change of the configuration, `schema_version` by every change of the schema.
    `stored_bytes` is the size of `settings` in a response. `deletion_task` is the id of the task that removes the
    bucket, if it is being deleted. `in_use` is true if requests may be creating objects that match this schema;
    `unused_since` is the time at which that ended. `has_settings_row` is true if the settings were read from a row of
    their own.
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
    has_settings_row: bool = False
    tally: Tally = EMPTY_TALLY

    @property
    def schema(self) -> dict[str, Any]:
        """The bucket's schema, as the client wrote it."""
        return self.settings.schema

    @property
    def name_key(self) -> str:
        """The key of the bucket in the index of names."""
        return keys.name_key(fold(self.name), self.bucket_id)

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
    """Returns the attributes of the bucket's row, except its keys. Raises BucketTooLarge.

    Large settings have a row of their own, see `settings_rows.py`.
    """
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
        **attributes_of(bucket.settings),
    }


@record
class FoundBucket:
    """A bucket as its own row has it, without the row of its settings.

    `lacks` names the fields of the settings that `bucket` does not have: their values are empty. `settings_digest`
    identifies the settings, if they have a row of their own.
    """

    bucket: Bucket
    lacks: frozenset[str] = frozenset()
    settings_digest: str | None = None

    def completed(self, settings: str) -> FoundBucket:
        """Returns the bucket with the settings that its digest identifies."""
        return FoundBucket(replace(self.bucket, settings=read_settings(settings)), frozenset(), self.settings_digest)


def from_item(item: Mapping[str, Any], tally: Tally = EMPTY_TALLY) -> FoundBucket:
    """Returns the bucket of a row."""
    settings, lacks = known_settings(item)
    return FoundBucket(_from_item(item, tally, settings), lacks, item.get("settings_digest"))


def _from_item(item: Mapping[str, Any], tally: Tally, settings: BucketSettings) -> Bucket:
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
        has_settings_row="settings_digest" in item,
        settings=settings,
        stored_bytes=item["settings_bytes"] if "settings_bytes" in item else escaped_bytes(settings.text),
        tally=tally,
    )
