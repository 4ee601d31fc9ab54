"""The actions on batches: create, change, submit, cancel and remove."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

from chalicelib import keys
from chalicelib.aws.dynamodb.optimistic_lock import retry_on_conflict
from chalicelib.aws.dynamodb.writes import Put, Step
from chalicelib.aws.vault import Vault
from chalicelib.batches.batch import (
    DRAFT,
    NOT_RUN,
    PENDING,
    SAMPLE_SIZE,
    Batch,
    Webhook,
    chunk_count,
    is_full,
    next_revision,
)
from chalicelib.batches.chunk_store import ChunkStore, chunk_rows
from chalicelib.batches.closing import Closing, new_task
from chalicelib.batches.errors import BatchEmpty, BatchNotDraft, BatchNotFound, TooManyObjects
from chalicelib.batches.in_flight import check_not_in_flight
from chalicelib.batches.removal import BatchRemoval
from chalicelib.batches.selection import MAX_OBJECTS, check_exist, distinct, matching_ids
from chalicelib.batches.store import BatchStore, Found
from chalicelib.buckets.bucket import Bucket
from chalicelib.buckets.place import BucketPlace
from chalicelib.buckets.service import Buckets, check_writable
from chalicelib.core import log
from chalicelib.core.clock import Clock, format_timestamp
from chalicelib.core.errors import ApiError, Unavailable
from chalicelib.core.ids import Ids
from chalicelib.objects.service import Objects
from chalicelib.tasks.service import Tasks
from chalicelib.tasks.task import NewTask

if TYPE_CHECKING:
    from chalicelib.batches.models import CreateBatchRequest

PREFIX = "btch"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Submission:
    """How a batch is submitted. `force` omits the check for other batches with the same objects."""

    force: bool = False
    webhook: Webhook | None = None
    tolerated_failure_percentage: float | None = None


@dataclass(frozen=True, slots=True)
class Batches:
    """The batches of all buckets."""

    store: BatchStore
    chunks: ChunkStore
    buckets: Buckets
    objects: Objects
    tasks: Tasks
    closing: Closing
    removal: BatchRemoval
    vault: Vault
    ids: Ids
    clock: Clock
    pause: Callable[[float], None] = field(default=time.sleep)

    def create(self, place: BucketPlace, request: CreateBatchRequest, *, skip_validation: bool = False) -> Batch:
        """Creates a draft, and returns it.

        Raises BucketNotFound, BucketLocked, BucketNotActive, ObjectsNotFound, NoObjectsMatch, TooManyObjects,
        SelectionTooSlow, RequestInvalid.
        """
        bucket = self.writable(place)
        if request.filters is not None:
            object_ids = matching_ids(self.objects, bucket, request.filters, at_most=request.limit)
        else:
            object_ids = distinct(request.object_ids or ())
            if object_ids and not skip_validation:
                check_exist(self.objects, bucket, place.partition, object_ids)
        return self.add(
            place,
            bucket,
            object_ids,
            name=request.batch_name,
            metadata=request.metadata.model_dump(exclude_unset=True) if request.metadata else {},
            dedup_strategy=request.dedup_strategy,
        )

    def add(
        self,
        place: BucketPlace,
        bucket: Bucket,
        object_ids: Sequence[str],
        *,
        name: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        dedup_strategy: str | None = None,
        batch_id: str | None = None,
        more: Sequence[Step] = (),
    ) -> Batch:
        """Stores a draft with these objects, and returns it.

        `batch_id` is its id if the caller has chosen one; then everything is stored in one transaction, with at most
        4 000 objects, so that a slower caller with the same id replaces nothing. `more` are further writes of that
        transaction. Raises BucketNotFound, BucketNotActive if the bucket is being deleted, and the errors of `more`.
        """
        now = self.clock()
        batch = Batch(
            organization=place.organization,
            namespace_id=place.namespace_id,
            bucket_id=bucket.bucket_id,
            batch_id=batch_id or self.ids.timed(PREFIX, now),
            created_at=format_timestamp(now),
            updated_at=format_timestamp(now),
            name=name,
            metadata=metadata or {},
            dedup_strategy=dedup_strategy,
            object_count=len(object_ids),
            chunk_count=chunk_count(len(object_ids)),
            sample_ids=tuple(object_ids[:SAMPLE_SIZE]),
            stats_epoch=bucket.tally.epoch,
        )
        log.add_request_fields(batch=batch.batch_id)
        if batch_id is not None:
            self.store.add(batch, *map(Put, chunk_rows(batch.rows, batch_id, object_ids)), *more)
            return batch
        self.chunks.add(batch.rows, batch.batch_id, object_ids)
        try:
            self.store.add(batch, *more)
        except ApiError as error:
            self._remove_chunks(batch, error)
            raise
        return batch

    def writable(self, place: BucketPlace) -> Bucket:
        """Returns the bucket. Raises BucketNotFound, and BucketLocked or BucketNotActive if it accepts no changes."""
        bucket = self.buckets.get(place.partition, place.identifier)
        check_writable(bucket)
        return bucket

    def get(self, place: BucketPlace, batch_id: str) -> Batch:
        """Returns a batch of the bucket. Raises BucketNotFound, BatchNotFound."""
        return self._find(place, batch_id, self.store.find)

    def get_with_tally(self, place: BucketPlace, batch_id: str) -> Found:
        """Returns a batch of the bucket with its progress. Raises BucketNotFound, BatchNotFound."""
        return self._find(place, batch_id, self.store.find_with_tally)

    def _find(self, place: BucketPlace, batch_id: str, find: Callable[[str, str], T | None]) -> T:
        bucket_id = self.buckets.resolve_id(place.partition, place.identifier)
        found = find(keys.batches(place.partition, bucket_id), batch_id)
        if found is None:
            self.buckets.get(place.partition, place.identifier)  # raises BucketNotFound if the bucket does not exist
            raise BatchNotFound(batch_id)
        log.add_request_fields(batch=batch_id)
        return found

    def set_metadata(self, place: BucketPlace, batch_id: str, metadata: Mapping[str, Any]) -> Batch:
        """Replaces the metadata of a batch, and returns the batch.

        Raises BucketNotFound, BucketLocked, BucketNotActive, BatchNotFound.
        """

        def attempt() -> Batch:
            self.writable(place)
            batch = self.get(place, batch_id)
            changed = next_revision(batch, self._now(), metadata=metadata)
            self.store.replace(batch, changed)
            return changed

        return retry_on_conflict(attempt, self.pause)

    def add_objects(
        self, place: BucketPlace, batch_id: str, object_ids: Sequence[str], *, skip_validation: bool = False
    ) -> Batch:
        """Adds objects to a draft, and returns it. Objects that it contains already are not added again.

        Raises BucketNotFound, BucketLocked, BucketNotActive, BatchNotFound, BatchNotDraft, ObjectsNotFound,
        TooManyObjects.
        """
        bucket, wanted = self.writable(place), distinct(object_ids)
        if not skip_validation:
            check_exist(self.objects, bucket, place.partition, wanted)

        def attempt() -> Batch | None:
            """Adds as many objects as one transaction can. Returns the batch when all have been added."""
            batch = self._draft(place, batch_id)
            chunks = list(self.chunks.walk_ids(batch.rows, batch.batch_id))
            contained = {each for ids in chunks for each in ids}
            missing = [object_id for object_id in wanted if object_id not in contained]
            if not missing:
                return batch
            if batch.object_count + len(missing) > MAX_OBJECTS:
                raise TooManyObjects(MAX_OBJECTS, "body", "object_ids")
            appended = self._append(batch, chunks, missing)
            is_complete = appended.object_count == batch.object_count + len(missing)
            return appended if is_complete else None

        while (batch := retry_on_conflict(attempt, self.pause)) is None:
            pass
        return batch

    def submit(self, place: BucketPlace, batch_id: str, submission: Submission) -> tuple[Batch, NewTask]:
        """Submits a draft. Returns the batch and the task that runs it.

        Raises BucketNotFound, BucketLocked, BucketNotActive, BatchNotFound, BatchNotDraft, BatchEmpty, ObjectsInFlight.
        """

        def attempt() -> tuple[Batch, NewTask]:
            self.writable(place)
            batch = self._draft(place, batch_id)
            if not batch.object_count:
                raise BatchEmpty()
            return self.run(batch, submission, counts_from=batch.epoch + 1)

        return retry_on_conflict(attempt, self.pause)

    def run(self, batch: Batch, submission: Submission, **changes: Any) -> tuple[Batch, NewTask]:
        """Starts the next run of a batch that is not active. Returns the batch and the task.

        `changes` are attributes of the run. Raises ObjectsInFlight, Unavailable, and VersionConflict if the batch has
        changed.
        """
        revision = None if submission.force else check_not_in_flight(self.store, self.chunks, batch)
        task = new_task(self.tasks, batch)
        submitted = next_revision(
            batch,
            self._now(),
            **{
                **NOT_RUN,
                "status": PENDING,
                "epoch": batch.epoch + 1,
                "task_id": task.task_id,
                "webhook": self._protected(batch, submission.webhook),
                "tolerated_failure_percentage": submission.tolerated_failure_percentage,
                **changes,
            },
        )
        self.store.submit(batch, submitted, self.tasks.step(task), activity_revision=revision)
        return submitted, task

    def cancel(self, place: BucketPlace, batch_id: str, reason: str | None) -> Batch:
        """Cancels a batch that has not ended, and returns it.

        Objects that are being processed are processed to the end. Raises BucketNotFound, BatchNotFound, BatchEnded.
        """
        return self.closing.cancel(lambda: self.get(place, batch_id), reason)

    def remove(self, place: BucketPlace, batch_id: str) -> None:
        """Removes a batch that is not active. Its objects stay.

        Raises BucketNotFound, BucketLocked, BucketNotActive, BatchNotFound, BatchActive.
        """
        bucket_id = self.writable(place).bucket_id
        self.removal.remove(keys.batches(place.partition, bucket_id), batch_id)

    def _protected(self, batch: Batch, webhook: Webhook | None) -> Webhook | None:
        """Returns the webhook as it is stored. Its secret may be the stored one of an earlier run."""
        if webhook is None or webhook.secret is None:
            return webhook
        return replace(webhook, secret=self.vault.protect(webhook.secret, batch.bucket_id))

    def _draft(self, place: BucketPlace, batch_id: str) -> Batch:
        batch = self.get(place, batch_id)
        if batch.status != DRAFT:
            raise BatchNotDraft(batch.status)
        return batch

    def _append(self, batch: Batch, chunks: Sequence[list[str]], missing: Sequence[str]) -> Batch:
        """Adds some of the missing objects, and returns the batch after it.

        The last chunk is filled first, so that all others are full.
        """
        last = chunks[-1] if chunks and not is_full(chunks[-1]) else []
        added = missing[: max(1, self.store.max_appended - len(last))]
        first, ids = len(chunks) - bool(last), [*last, *added]
        appended = next_revision(
            batch,
            self._now(),
            object_count=batch.object_count + len(added),
            chunk_count=first + chunk_count(len(ids)),
            sample_ids=(*batch.sample_ids, *added)[:SAMPLE_SIZE],
        )
        self.store.append(batch, appended, ids, first=first)
        return appended

    def _remove_chunks(self, batch: Batch, cause: ApiError) -> None:
        """Removes the rows of a batch that could not be created. Deletion of the bucket removes what remains."""
        if not isinstance(cause, Unavailable):
            with suppress(Unavailable):
                self.chunks.remove(batch.rows, batch.batch_id)

    def _now(self) -> str:
        return format_timestamp(self.clock())
