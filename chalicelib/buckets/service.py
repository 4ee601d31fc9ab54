"""What may be done with buckets, and by which rules."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from chalicelib.aws.dynamodb.optimistic_lock import retry_on_conflict, revise
from chalicelib.aws.dynamodb.writes import Step
from chalicelib.buckets.bucket import ACTIVE, DELETING, Bucket, new_bucket, to_item
from chalicelib.buckets.configuration import AdapterOptions
from chalicelib.buckets.errors import (
    BucketLocked,
    BucketNameTaken,
    BucketNotActive,
    BucketNotFound,
    RevisionStale,
    SchemaBreak,
)
from chalicelib.buckets.sources import CanSee, Sources
from chalicelib.buckets.store import BucketStore
from chalicelib.core.clock import Clock, format_timestamp
from chalicelib.core.ids import Ids, is_id
from chalicelib.http.operation import everything
from chalicelib.http.preconditions import ANY, Preconditions

if TYPE_CHECKING:
    from chalicelib.buckets.models import BucketCreateRequest
    from chalicelib.buckets.update import BucketChange

R = TypeVar("R")


class ObjectPresence(Protocol):
    """What the buckets room wants to know of objects; the objects room is to its right."""

    def has_any(self, bucket_id: str) -> bool:
        """Whether the bucket holds an object, as of now and not as of the last fold."""


@dataclass(frozen=True, slots=True)
class Buckets:
    """The buckets of every namespace; `partition` says which one, and a call never leaves it."""

    store: BucketStore
    objects: ObjectPresence
    configuration: AdapterOptions
    ids: Ids
    clock: Clock
    pause: Callable[[float], None] = time.sleep

    def create(
        self, partition: str, new: BucketCreateRequest, *, origin: str = "", can_see: CanSee = everything
    ) -> Bucket:
        """A new bucket with zero counts; `can_see` tells which other buckets the caller may know of.

        Raises RequestInvalid, NotEnabled, BucketNameTaken, AdapterCycle.
        """
        from chalicelib.buckets.update import new_settings

        def attempt() -> Bucket:
            # One moment for both: lists take the order of ids for that of creation times.
            moment = self.clock()
            bucket_id, sources = self.ids.timed("bkt", moment), Sources(self.store, partition, can_see)
            settings = new_settings(new, self.configuration.of(bucket_id, sources, origin))
            bucket = new_bucket(bucket_id, new.bucket_name, settings, format_timestamp(moment))
            with _told_to(can_see):
                self.store.add(partition, bucket, adapters=sources.revision)
            return bucket

        return retry_on_conflict(attempt, self.pause)

    def resolve_id(self, partition: str, identifier: str) -> str:
        """The id of the bucket of this name; an id is given back unread. Raises BucketNotFound for an unknown name."""
        bucket_id = identifier if is_id(identifier, "bkt") else self._find_id(partition, identifier)
        if bucket_id is None:
            raise BucketNotFound(identifier)
        return bucket_id

    def get(self, partition: str, identifier: str) -> Bucket:
        """The bucket of this id or name, with its totals. Raises BucketNotFound."""
        bucket = self.store.find(partition, self.resolve_id(partition, identifier))
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
        can_see: CanSee = everything,
    ) -> Bucket:
        """The bucket after a change; the same bucket where nothing differs. `can_see` is as in `create`.

        Raises BucketNotFound, BucketLocked, BucketNotActive, RevisionStale (a precondition fails),
        RequestInvalid, NotEnabled, BucketNameTaken, AdapterCycle and, without `force_schema_break`, SchemaBreak.
        """
        from chalicelib.buckets.update import changed

        sources = Sources(self.store, partition, can_see)

        def revised(bucket: Bucket) -> Bucket:
            check_writable(bucket)
            sources.forget()
            check = self.configuration.of(bucket.bucket_id, sources, origin)
            new = changed(bucket, change, check)
            if new.breaks and self.objects.has_any(bucket.bucket_id):
                if new.touches_key:
                    raise SchemaBreak(new.touches_key, forcible=False)
                if not force_schema_break:
                    raise SchemaBreak(new.breaks)
            return new.bucket

        with _told_to(can_see):
            return self._revise(partition, identifier, revised, preconditions, sources)

    def begin_deletion(
        self,
        partition: str,
        identifier: str,
        started: Callable[[Bucket], tuple[str, Step]],
        goes_on: Callable[[str], bool],
        *,
        force: bool = False,
    ) -> Bucket:
        """The bucket, from now on closed to writes and with its name free; as it is where it was so before.

        `started` gives the task that removes it, and the step by which that begins; also where it was closed
        before by a task of which `goes_on` says no. Raises BucketNotFound, and BucketLocked unless forced.
        """

        def attempt() -> Bucket:
            bucket = self.get(partition, identifier)
            if bucket.deletion_task is not None and goes_on(bucket.deletion_task):
                return bucket
            if bucket.is_locked and not force and bucket.deletion_task is None:
                raise BucketLocked()
            task_id, step = started(bucket)
            return self._close(partition, bucket, task_id, step)

        return retry_on_conflict(attempt, self.pause)

    def close_to_writes(self, partition: str, bucket_id: str, task_id: str) -> None:
        """Closes a bucket to writes, since its namespace is being deleted by this task; closed or gone is well too."""

        def attempt() -> None:
            bucket = self.store.find(partition, bucket_id)
            if bucket is not None and bucket.deletion_task is None:
                self._close(partition, bucket, task_id)

        retry_on_conflict(attempt, self.pause)

    def clean_or_remove(self, partition: str, bucket_id: str, clean: Callable[[], R | None]) -> R | None:
        """What `clean` has removed of a closed bucket; where it finds nothing left, the bucket goes and None comes.

        A late object that is stored after the look and counted before the bucket goes would be missed by both, the
        look and the fold. So the bucket goes only if nothing was counted since before the look.
        """

        def attempt() -> R | None:
            counted = self.store.tally_revision(partition, bucket_id)
            removed = clean()
            if removed is None:
                self.store.remove(partition, bucket_id, counted)
            return removed

        return retry_on_conflict(attempt, self.pause)

    def first_id(self, partition: str) -> str | None:
        """The id of a bucket of the namespace, if there is one left."""
        return self.store.first_id(partition)

    def check_unlocked(self, partition: str) -> None:
        """Raises BucketLocked where a bucket of the namespace is locked."""
        if self.store.has_locked(partition):
            raise BucketLocked("The namespace has a locked bucket")

    def _close(self, partition: str, bucket: Bucket, task_id: str, *more: Step) -> Bucket:
        now = format_timestamp(self.clock())
        closed = replace(bucket, status=DELETING, deletion_task=task_id, revision=bucket.revision + 1, updated_at=now)
        self.store.save_closed(partition, bucket, closed, *more)
        return closed

    def set_lock(self, partition: str, identifier: str, *, locked: bool) -> Bucket:
        """The operator's word: a locked bucket takes no writes. Raises BucketNotActive for one being deleted."""
        return self._by_operator(partition, identifier, is_locked=locked)

    def set_status(self, partition: str, identifier: str, status: str) -> Bucket:
        """The operator's word: ACTIVE, ARCHIVED or SUSPENDED. Raises BucketNotActive for a bucket being deleted."""
        return self._by_operator(partition, identifier, status=status)

    def _by_operator(self, partition: str, identifier: str, **words: Any) -> Bucket:
        def revised(bucket: Bucket) -> Bucket:
            if bucket.status == DELETING:
                raise BucketNotActive(bucket.status)
            return replace(bucket, **words)

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
            bucket = self.get(partition, identifier)
            if not preconditions.holds(bucket.etag, counted=True):
                raise RevisionStale(bucket.etag)
            return bucket

        def write(old: Bucket, new: Bucket) -> Bucket:
            new = replace(new, revision=old.revision + 1, updated_at=format_timestamp(self.clock()))
            self.store.replace(partition, old, new, adapters=sources.revision if sources else None)
            return new

        return revise(read, revised, write, self.pause, stored=to_item)

    def _find_id(self, partition: str, name: str) -> str | None:
        return self.store.find_id(partition, name) if len(name) <= 100 else None


@contextmanager
def _told_to(can_see: CanSee) -> Iterator[None]:
    """Keeps from the caller which bucket has a name, if it may not know of it."""
    try:
        yield
    except BucketNameTaken as taken:
        if taken.bucket_id is None or can_see(taken.bucket_id):
            raise
        raise BucketNameTaken(taken.name) from taken


def check_writable(bucket: Bucket) -> None:
    """Refuses a write into a bucket that is locked or not active: BucketLocked, BucketNotActive."""
    if bucket.is_locked:
        raise BucketLocked()
    if bucket.status != ACTIVE:
        raise BucketNotActive(bucket.status)
