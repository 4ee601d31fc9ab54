"""The worker of a refresh: it takes over the objects of the source buckets, in slices.

A slice may be repeated. An object without a unique key has an idempotency key that names its source, so it is created
once. The source buckets are read in the order of the adapter, and their objects in the order of ids.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from chalicelib import keys
from chalicelib.adapters.errors import Unmappable
from chalicelib.blobs.errors import FileUnreadable
from chalicelib.buckets.bucket import Bucket
from chalicelib.buckets.errors import BucketLocked, BucketNotActive, BucketNotFound
from chalicelib.core.clock import Clock
from chalicelib.core.deadline import time_limit
from chalicelib.core.errors import ApiError, Unavailable
from chalicelib.deliveries.copying import new_copy
from chalicelib.deliveries.refresh import can_refresh
from chalicelib.objects.errors import ObjectDeleted, UniqueKeyTaken
from chalicelib.objects.service import Objects, policy_or_upsert
from chalicelib.objects.stored_object import StoredObject
from chalicelib.tasks.task import Task
from chalicelib.tasks.worker import Slice

SLICE_OBJECTS = 100
SLICE_SECONDS = 8.0
# Objects may be created for this long after the bucket was opened, see `Buckets.open_for_objects`.
LIMIT_SECONDS = 25.0
MAX_FAILURES = 20
MAX_REASON_CHARS = 300
# Entries of the task's progress: the number of the current source bucket, and the last object of it.
SOURCE, AFTER, FAILURES = "_source", "_after", "failures"
COUNTERS = ("seen", "created", "updated", "repeated", "failed")
NOT_WRITABLE = (BucketNotFound, BucketLocked, BucketNotActive)


@dataclass(frozen=True, slots=True)
class FanIn:
    """Takes over the objects of source buckets."""

    objects: Objects
    clock: Clock

    def run(self, task: Task) -> Slice:
        """Runs one slice. Raises Unavailable if AWS does not serve a call.

        The task ends early if the bucket accepts no objects any longer, or has another type of adapter. A source bucket
        that is deleted, or that the adapter does not name any longer, is left out from then on.
        """
        partition = keys.partition(task.organization, str(task.about["namespace_id"]))
        with time_limit(LIMIT_SECONDS):
            try:
                bucket = self.objects.buckets.open_for_objects(partition, str(task.about["bucket_id"]))
            except NOT_WRITABLE as error:
                return _ended(task, error.text)
            adapter = bucket.settings.source_adapter
            if adapter is None or not can_refresh(adapter):
                return _ended(task, "The source adapter was changed")
            sources = list(task.about["source_bucket_ids"])
            number = int(task.progress.get(SOURCE, 0))
            if number >= len(sources):
                return _ended(task, None)
            wanted = sources[number] in adapter["source_bucket_ids"]
            source = self._source(partition, sources[number]) if wanted else None
            return self._copy_slice(task, source, bucket) if source else _next_source(task.progress)

    def _source(self, partition: str, bucket_id: str) -> Bucket | None:
        """Returns a source bucket, or None if it is deleted or being deleted."""
        try:
            bucket = self.objects.buckets.get(partition, bucket_id)
        except BucketNotFound:
            return None
        return bucket if bucket.deletion_task is None else None

    def _copy_slice(self, task: Task, source_bucket: Bucket, bucket: Bucket) -> Slice:
        progress = Progress.of(task)
        started, read = self.clock(), 0
        after: str | None = task.progress.get(AFTER)
        found = self.objects.store.walk(source_bucket.bucket_id, after=after, page_size=SLICE_OBJECTS)
        for source in islice(found, SLICE_OBJECTS):
            if source.soft_deleted is None:
                progress.add(self._copy(task, source, source_bucket, bucket), source)
            after, read = source.object_id, read + 1
            if (self.clock() - started).total_seconds() >= SLICE_SECONDS:
                return Slice(done=False, progress={**task.progress, **progress.document(), AFTER: after})
        document = {**task.progress, **progress.document()}
        if read < SLICE_OBJECTS:
            return _next_source(document)
        return Slice(done=False, progress={**document, AFTER: after})

    def _copy(self, task: Task, source: StoredObject, source_bucket: Bucket, bucket: Bucket) -> Copied:
        try:
            new = new_copy(source, source_bucket, bucket)
            result = self.objects.create_new(source.partition, bucket, new, policy=policy_or_upsert(bucket))
        except Unavailable:
            raise
        except (UniqueKeyTaken, ObjectDeleted):  # the policy is `insert`, or the object was soft-deleted
            return Copied("repeated")
        except (ApiError, FileUnreadable, Unmappable) as error:
            return Copied("failed", _reason(error))
        if result.replayed_by is None:
            return Copied("created" if result.stored.revision == 1 else "updated")
        # A run of this slice that was killed may have created it.
        return Copied("created" if result.stored.created_at >= task.created_at else "repeated")


@dataclass(frozen=True, slots=True)
class Copied:
    """What has become of an object of a source bucket: the name of a counter, and why it failed."""

    outcome: str
    reason: str | None = None


@dataclass(slots=True)
class Progress:
    """The progress of a refresh that clients see."""

    counts: dict[str, int]
    failures: list[dict[str, str]]

    @classmethod
    def of(cls, task: Task) -> Progress:
        """Returns the progress in a task."""
        counts = {name: int(task.progress.get(f"objects_{name}", 0)) for name in COUNTERS}
        return cls(counts, list(task.progress.get(FAILURES, ())))

    def add(self, copied: Copied, source: StoredObject) -> None:
        """Counts an object of a source bucket."""
        self.counts["seen"] += 1
        self.counts[copied.outcome] += 1
        if copied.reason is not None and len(self.failures) < MAX_FAILURES:
            about = {"bucket_id": source.bucket_id, "object_id": source.object_id}
            self.failures.append({**about, "reason": copied.reason})

    def document(self) -> dict[str, Any]:
        """Returns the entries for the progress of the task."""
        return {**{f"objects_{name}": count for name, count in self.counts.items()}, FAILURES: self.failures}


def _next_source(progress: Mapping[str, Any]) -> Slice:
    following = {name: value for name, value in progress.items() if name != AFTER}
    return Slice(done=False, progress={**following, SOURCE: int(progress.get(SOURCE, 0)) + 1})


def _ended(task: Task, reason: str | None) -> Slice:
    """Returns the last slice. `reason` says why the task ends early, if it does."""
    progress = {**task.progress, **Progress.of(task).document()}
    early = {} if reason is None else {"ended_early": reason}
    counts = {name: progress[f"objects_{name}"] for name in COUNTERS}
    return Slice(done=True, progress={**progress, **early}, outputs=[{"bucket_id": task.about["bucket_id"], **counts}])


def _reason(error: ApiError | FileUnreadable | Unmappable) -> str:
    if isinstance(error, FileUnreadable):
        return f"A file of the object {error.reason}"
    text = error.text if isinstance(error, ApiError) else error.reason
    return text if len(text) <= MAX_REASON_CHARS else f"{text[: MAX_REASON_CHARS - 1]}…"
