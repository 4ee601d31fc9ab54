"""Creates, reads, changes and deletes buckets, and enforces their rules."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from chalicelib.aws.dynamodb.optimistic_lock import VersionConflict, retry_on_conflict, revise
from chalicelib.aws.dynamodb.writes import Step
from chalicelib.buckets.adapter_builder import AdapterOptions
from chalicelib.buckets.bucket import ACTIVE, DELETING, Bucket, new_bucket, to_item
from chalicelib.buckets.errors import (
    BatchesActive,
    BucketInUse,
    BucketLocked,
    BucketNameTaken,
    BucketNotActive,
    BucketNotFound,
    RevisionStale,
    SchemaBreak,
)
from chalicelib.buckets.sources import CanSee, Sources
from chalicelib.buckets.store import BucketStore
from chalicelib.core import log
from chalicelib.core.clock import Clock, format_timestamp
from chalicelib.core.ids import Ids, is_id
from chalicelib.core.record import record
from chalicelib.http.operation import can_see_everything
from chalicelib.http.preconditions import ANY, Preconditions

if TYPE_CHECKING:
    from chalicelib.buckets.configure import BucketChange
    from chalicelib.buckets.models import BucketCreateRequest

R = TypeVar("R")


class ObjectPresence(Protocol):
    """The part of the object store that is needed here.

    It is a protocol, because the objects package imports this one.
    """

    def has_any(self, bucket_id: str) -> bool:
        """Whether the bucket contains an object, in a strongly consistent read and not from the statistics."""


@record
class Buckets:
    """The buckets of all namespaces. Each call reads and writes only the namespace of its `partition`."""

    store: BucketStore
    objects: ObjectPresence
    adapter_options: AdapterOptions
    ids: Ids
    clock: Clock
    pause: Callable[[float], None] = time.sleep

    def create(
        self, partition: str, new: BucketCreateRequest, *, origin: str = "", can_see: CanSee = can_see_everything
    ) -> Bucket:
        """Creates a bucket and returns it.

        `can_see` says whether the caller may know that a bucket exists. Errors contain no ids of buckets that the
        caller may not see. `origin` is the base URL of the request. Raises RequestInvalid, NotEnabled, BucketNameTaken,
        AdapterCycle, NamespaceNotActive and NamespaceNotFound.
        """
        from chalicelib.buckets.configure import new_settings

        def attempt() -> Bucket:
            # The id and `created_at` must have the same time: lists use the order of ids as the order of creation.
            now = self.clock()
            bucket_id, sources = self.ids.timed("bkt", now), Sources(self.store, partition, can_see)
            settings = new_settings(new, self.adapter_options.for_bucket(bucket_id, sources, origin))
            bucket = new_bucket(bucket_id, new.bucket_name, settings, format_timestamp(now))
            log.add_request_fields(bucket=bucket_id)
            with _redacting_bucket_id(can_see):
                self.store.add(partition, bucket, adapters=sources.revision)
            return bucket

        return retry_on_conflict(attempt, self.pause)

    def resolve_id(self, partition: str, identifier: str) -> str:
        """Returns the id of the bucket with this name. An id is returned as it is, without a check that it exists.

        Raises BucketNotFound for an unknown name.
        """
        bucket_id = identifier if is_id(identifier, "bkt") else self._find_id(partition, identifier)
        if bucket_id is None:
            raise BucketNotFound(identifier)
        log.add_request_fields(bucket=bucket_id)
        return bucket_id

    def get(self, partition: str, identifier: str) -> Bucket:
        """Returns the bucket with this id or name, with its statistics. Raises BucketNotFound."""
        if is_id(identifier, "bkt"):
            bucket = self.store.find(partition, identifier)
        else:
            bucket = retry_on_conflict(lambda: self._find_by_name(partition, identifier), self.pause)
        if bucket is None:
            raise BucketNotFound(identifier)
        log.add_request_fields(bucket=bucket.bucket_id)
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
        can_see: CanSee = can_see_everything,
    ) -> Bucket:
        """Changes a bucket and returns it. A change without effect writes nothing. `can_see` is as in `create`.

        Raises BucketNotFound, BucketLocked, BucketNotActive, RevisionStale (a precondition fails), RequestInvalid,
        NotEnabled, BucketNameTaken, AdapterCycle, SchemaBreak, and BucketInUse if the bucket is empty but objects may
        still be created that the change would break. `force_schema_break` allows changes that break stored objects,
        except those that concern the unique key.
        """
        from chalicelib.buckets.configure import changed

        sources = Sources(self.store, partition, can_see)

        def revised(bucket: Bucket) -> Bucket:
            check_writable(bucket)
            sources.forget()
            adapters = self.adapter_options.for_bucket(bucket.bucket_id, sources, origin)
            new = changed(bucket, change, adapters)
            if new.key_breaks or (new.breaks and not force_schema_break):
                if self.objects.has_any(bucket.bucket_id):
                    forbidden = new.key_breaks or new.breaks
                    raise SchemaBreak(forbidden, forcible=not new.key_breaks)
                self._check_unused(partition, bucket)
            return new.bucket

        with _redacting_bucket_id(can_see):
            return self._revise(partition, identifier, revised, preconditions, sources)

    def change_adapter(
        self, partition: str, identifier: str, revised: Callable[[dict[str, Any] | None], dict[str, Any]]
    ) -> Bucket:
        """Replaces the stored source adapter of a bucket by the result of `revised`, and returns the bucket.

        `revised` may return new secrets as they are. Raises BucketNotFound, BucketLocked, BucketNotActive, Unavailable,
        and the errors of `revised`.
        """

        def changed(bucket: Bucket) -> Bucket:
            check_writable(bucket)
            before = bucket.settings.source_adapter
            adapter = self.adapter_options.sealed(bucket.bucket_id, revised(before), before)
            return replace(bucket, settings=bucket.settings.with_adapter(adapter))

        return self._revise(partition, identifier, changed)

    def webhook_secret(self, bucket: Bucket) -> str | None:
        """Returns the webhook secret of a bucket's source adapter, or None if it has none. Raises Unavailable."""
        return self.adapter_options.webhook_secret(bucket.bucket_id, bucket.settings.source_adapter or {})

    def open_for_objects(self, partition: str, identifier: str) -> Bucket:
        """Returns a bucket in which the caller may create objects until the time limit of its request.

        Until the caller has created them, no change of the schema can break them. The first call for a bucket writes
        its row. Raises BucketNotFound, BucketLocked and BucketNotActive.
        """

        def attempt() -> Bucket:
            bucket = self.get(partition, identifier)
            self._open(partition, bucket)
            return bucket

        return retry_on_conflict(attempt, self.pause)

    def open_found(self, partition: str, bucket: Bucket) -> Bucket:
        """Does the same as `open_for_objects` for a bucket that the current request has read."""
        try:
            self._open(partition, bucket)
        except VersionConflict:
            return self.open_for_objects(partition, bucket.bucket_id)
        return replace(bucket, in_use=True)

    def _open(self, partition: str, bucket: Bucket) -> None:
        """Raises BucketLocked, BucketNotActive, and VersionConflict if the bucket has changed."""
        check_writable(bucket)
        if not bucket.in_use:
            self.store.mark_in_use(partition, bucket)

    def _check_unused(self, partition: str, bucket: Bucket) -> None:
        """Raises BucketInUse if requests may be creating objects in an empty bucket.

        A request that finds the bucket in use creates objects without a further check, until its time limit. So the
        mark is removed, and the change must wait until those requests have ended. The write of the change fails if
        another request has marked the bucket since.
        """
        now = self.clock()
        if bucket.in_use:
            self.store.mark_unused(partition, bucket, format_timestamp(now))
            raise BucketInUse()
        ended = format_timestamp(now - timedelta(seconds=BucketInUse.retry_after))
        if bucket.unused_since is not None and bucket.unused_since > ended:
            raise BucketInUse()

    def begin_deletion(
        self,
        partition: str,
        identifier: str,
        new_task: Callable[[Bucket], tuple[str, Step]],
        is_pending: Callable[[str], bool],
        *,
        force: bool = False,
        preconditions: Preconditions = ANY,
    ) -> Bucket:
        """Closes a bucket to writes, releases its name, starts the task that removes it, and returns the bucket.

        `new_task` returns the id of a new task and the write that starts it. If the bucket is already being deleted
        by a task for which `is_pending` is true, the bucket is returned unchanged. Raises BucketNotFound,
        RevisionStale (a precondition fails), and unless `force` BucketLocked and BatchesActive.
        """

        def attempt() -> Bucket:
            bucket = self._get_if(preconditions, partition, identifier)
            if bucket.deletion_task is not None and is_pending(bucket.deletion_task):
                return bucket
            if bucket.is_locked and not force and bucket.deletion_task is None:
                raise BucketLocked()
            task_id, step = new_task(bucket)
            ends_batches = force or bucket.deletion_task is not None
            return self._close(partition, bucket, task_id, step, ends_batches=ends_batches)

        return retry_on_conflict(attempt, self.pause)

    def close_to_writes(self, partition: str, bucket_id: str, task_id: str) -> None:
        """Closes a bucket to writes because this task deletes its namespace.

        Has no effect on a bucket that does not exist or is already being deleted.
        """

        def attempt() -> None:
            bucket = self.store.find(partition, bucket_id)
            if bucket is not None and bucket.deletion_task is None:
                self._close(partition, bucket, task_id)

        retry_on_conflict(attempt, self.pause)

    def clean_or_remove(self, partition: str, bucket_id: str, clean: Callable[[], R | None]) -> R | None:
        """Removes a part of the contents of a closed bucket, or the bucket itself if it is empty.

        `clean` removes a part and returns a description of it, or None if the bucket is empty. Returns the result of
        `clean`.

        A request that began before the bucket was closed may store an object after `clean` has found nothing. If that
        object is counted before the bucket is removed, neither `clean` nor the fold would notice it. Therefore the
        bucket is removed only if its statistics have not changed since before the call of `clean`.
        """

        def attempt() -> R | None:
            tally_revision = self.store.tally_revision(partition, bucket_id)
            removed = clean()
            if removed is None:
                self.store.remove(partition, bucket_id, tally_revision)
            return removed

        return retry_on_conflict(attempt, self.pause)

    def first_id(self, partition: str) -> str | None:
        """Returns the id of the namespace's oldest bucket, or None if it has no buckets."""
        return self.store.first_id(partition)

    def check_unlocked(self, partition: str) -> None:
        """Raises BucketLocked if a bucket of the namespace is locked."""
        if self.store.has_locked(partition):
            raise BucketLocked("The namespace has a locked bucket")

    def check_no_batches(self, partition: str) -> None:
        """Raises BatchesActive if a bucket of the namespace has batches that are submitted and have not ended."""
        if self.store.has_active_batches(partition):
            raise BatchesActive("Batches of the namespace have not ended: cancel them, or delete it with force=true")

    def _close(self, partition: str, bucket: Bucket, task_id: str, *more: Step, ends_batches: bool = True) -> Bucket:
        now = format_timestamp(self.clock())
        closed = replace(bucket, status=DELETING, deletion_task=task_id, revision=bucket.revision + 1, updated_at=now)
        self.store.save_closed(partition, bucket, closed, *more, ends_batches=ends_batches)
        return closed

    def set_lock(self, partition: str, identifier: str, *, locked: bool) -> Bucket:
        """Locks or unlocks a bucket, for an operator. A locked bucket accepts no writes.

        Raises BucketNotFound, and BucketNotActive if the bucket is being deleted.
        """
        return self._set(partition, identifier, is_locked=locked)

    def set_status(self, partition: str, identifier: str, status: str) -> Bucket:
        """Sets the status to ACTIVE, ARCHIVED or SUSPENDED, for an operator.

        Raises BucketNotFound, and BucketNotActive if the bucket is being deleted.
        """
        return self._set(partition, identifier, status=status)

    def _set(self, partition: str, identifier: str, **fields: Any) -> Bucket:
        def revised(bucket: Bucket) -> Bucket:
            if bucket.status == DELETING:
                raise BucketNotActive(bucket.status)
            return replace(bucket, **fields)

        return self._revise(partition, identifier, revised)

    def _revise(
        self,
        partition: str,
        identifier: str,
        revised: Callable[[Bucket], Bucket],
        preconditions: Preconditions = ANY,
        sources: Sources | None = None,
    ) -> Bucket:
        def read() -> Bucket:
            return self._get_if(preconditions, partition, identifier)

        def write(old: Bucket, new: Bucket) -> Bucket:
            new = replace(new, revision=old.revision + 1, updated_at=format_timestamp(self.clock()))
            self.store.replace(partition, old, new, adapters=sources.revision if sources else None)
            return new

        return revise(read, revised, write, self.pause, stored=to_item)

    def _get_if(self, preconditions: Preconditions, partition: str, identifier: str) -> Bucket:
        bucket = self.get(partition, identifier)
        if not preconditions.holds(bucket.etag, counted=True):
            raise RevisionStale(bucket.etag)
        return bucket

    def _find_by_name(self, partition: str, name: str) -> Bucket | None:
        """Raises VersionConflict if the bucket gave up its name between the two reads."""
        bucket_id = self._find_id(partition, name)
        if bucket_id is None:
            return None
        bucket = self.store.find(partition, bucket_id)
        if bucket is None or bucket.name != name or bucket.deletion_task is not None:
            raise VersionConflict()
        return bucket

    def _find_id(self, partition: str, name: str) -> str | None:
        return self.store.find_id(partition, name) if len(name) <= 100 else None


@contextmanager
def _redacting_bucket_id(can_see: CanSee) -> Iterator[None]:
    """Removes the bucket id from a BucketNameTaken error if the caller may not know of that bucket."""
    try:
        yield
    except BucketNameTaken as taken:
        if taken.bucket_id is None or can_see(taken.bucket_id):
            raise
        raise BucketNameTaken(taken.name) from taken


def check_writable(bucket: Bucket) -> None:
    """Raises BucketLocked or BucketNotActive if the bucket accepts no writes."""
    if bucket.is_locked:
        raise BucketLocked()
    if bucket.status != ACTIVE:
        raise BucketNotActive(bucket.status)
