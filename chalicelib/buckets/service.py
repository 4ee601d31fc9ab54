"""What may be done with buckets, and by which rules."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from chalicelib.buckets.bucket import ACTIVE, Bucket, to_item
from chalicelib.buckets.configuration import Configuration
from chalicelib.buckets.refusals import (
    BucketLocked,
    BucketNotActive,
    BucketNotFound,
    RevisionStale,
    SchemaBreak,
)
from chalicelib.buckets.store import BucketStore
from chalicelib.foundation.ids import Ids, is_id
from chalicelib.foundation.preconditions import ANY, Preconditions
from chalicelib.foundation.revising import revise
from chalicelib.foundation.times import Clock, stamp

if TYPE_CHECKING:
    from chalicelib.buckets.changes import BucketChange
    from chalicelib.buckets.models import BucketCreateRequest


class ObjectPresence(Protocol):
    """What the buckets room wants to know of objects; the objects room is to its right."""

    def has_any(self, bucket_id: str) -> bool:
        """Whether the bucket holds an object, as of now and not as of the last fold."""


@dataclass(frozen=True, slots=True)
class Buckets:
    """The buckets of every namespace; `partition` says which one, and a call never leaves it."""

    store: BucketStore
    objects: ObjectPresence
    configuration: Configuration
    ids: Ids
    clock: Clock
    pause: Callable[[float], None] = time.sleep

    def create(self, partition: str, new: BucketCreateRequest, *, origin: str = "") -> Bucket:
        """A new bucket with zero counts. Raises RequestInvalid, NotEnabled, BucketNameTaken."""
        from chalicelib.buckets.changes import new_settings

        # One moment for both: lists take the order of ids for that of creation times.
        moment = self.clock()
        bucket_id, now = self.ids.timed("bkt", moment), stamp(moment)
        settings = new_settings(new, self.configuration.of(bucket_id, self._sources(partition), origin))
        bucket = Bucket(
            bucket_id=bucket_id,
            name=new.bucket_name,
            status=ACTIVE,
            is_locked=False,
            revision=1,
            schema_version=1,
            created_at=now,
            updated_at=now,
            settings=settings,
        )
        self.store.add(partition, bucket)
        return bucket

    def get(self, partition: str, identifier: str) -> Bucket:
        """The bucket of this id or name, with its totals. Raises BucketNotFound."""
        bucket_id = identifier if is_id(identifier, "bkt") else self._find_id(partition, identifier)
        bucket = self.store.find(partition, bucket_id) if bucket_id else None
        if bucket is None:
            raise BucketNotFound(identifier)
        return bucket

    def change(
        self,
        partition: str,
        identifier: str,
        change: BucketChange,
        *,
        preconditions: Preconditions = ANY,
        force_schema_break: bool = False,
        origin: str = "",
    ) -> Bucket:
        """The bucket after a change; the same bucket where nothing differs.

        Raises BucketNotFound, BucketLocked, BucketNotActive, RevisionStale (a precondition fails),
        RequestInvalid, NotEnabled, BucketNameTaken and, without `force_schema_break`, SchemaBreak.
        """
        from chalicelib.buckets.changes import changed

        def revised(bucket: Bucket) -> Bucket:
            _check_writable(bucket)
            check = self.configuration.of(bucket.bucket_id, self._sources(partition), origin)
            new = changed(bucket, change, check)
            if new.breaks and self.objects.has_any(bucket.bucket_id):
                if new.touches_key:
                    raise SchemaBreak(new.touches_key, forcible=False)
                if not force_schema_break:
                    raise SchemaBreak(new.breaks)
            return new.bucket

        return self._revise(partition, identifier, revised, preconditions)

    def set_lock(self, partition: str, identifier: str, *, locked: bool) -> Bucket:
        """The operator's word: a locked bucket takes no writes."""
        return self._revise(partition, identifier, lambda bucket: replace(bucket, is_locked=locked), ANY)

    def set_status(self, partition: str, identifier: str, status: str) -> Bucket:
        """The operator's word: ACTIVE, ARCHIVED or SUSPENDED. A bucket being deleted stays as it is."""

        def revised(bucket: Bucket) -> Bucket:
            if bucket.status == "IN_PROGRESS":
                raise BucketNotActive(bucket.status)
            return replace(bucket, status=status)

        return self._revise(partition, identifier, revised, ANY)

    def _revise(
        self,
        partition: str,
        identifier: str,
        revised: Callable[[Bucket], Bucket],
        preconditions: Preconditions,
    ) -> Bucket:
        def read() -> Bucket:
            bucket = self.get(partition, identifier)
            if not preconditions.holds(bucket.revision):
                raise RevisionStale(bucket.etag)
            return bucket

        def write(old: Bucket, new: Bucket) -> Bucket:
            new = replace(new, revision=old.revision + 1, updated_at=stamp(self.clock()))
            self.store.replace(partition, old, new)
            return new

        return revise(read, revised, write, self.pause, stored=to_item)

    def _find_id(self, partition: str, name: str) -> str | None:
        return self.store.find_id(partition, name) if len(name) <= 100 else None

    def _sources(self, partition: str) -> Callable[[str], list[str] | None]:
        """Which buckets feed a bucket through its adapter; None where there is no such bucket."""

        def sources(bucket_id: str) -> list[str] | None:
            bucket = self.store.find(partition, bucket_id) if is_id(bucket_id, "bkt") else None
            if bucket is None:
                return None
            adapter: dict[str, Any] = bucket.settings.get("source_adapter") or {}
            return adapter.get("source_bucket_ids") or []

        return sources


def _check_writable(bucket: Bucket) -> None:
    if bucket.is_locked:
        raise BucketLocked()
    if bucket.status != ACTIVE:
        raise BucketNotActive(bucket.status)
