"""The operations on the objects of a bucket."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from chalicelib.aws.dynamodb.optimistic_lock import retry_on_conflict, revise
from chalicelib.aws.retry import OutcomeUnknown
from chalicelib.blobs.garbage import unreferenced_keys
from chalicelib.buckets.bucket import Bucket
from chalicelib.buckets.service import Buckets, check_writable
from chalicelib.core import log
from chalicelib.core.clock import Clock, format_timestamp
from chalicelib.core.ids import Ids
from chalicelib.http.preconditions import ANY, Preconditions
from chalicelib.objects.errors import ObjectNotFound, ObjectStale, PolicyMissing
from chalicelib.objects.soft_delete import soft_delete_all
from chalicelib.objects.store import ObjectStore
from chalicelib.objects.stored_object import StoredObject, to_item

if TYPE_CHECKING:
    from chalicelib.blobs.blob import Blob
    from chalicelib.blobs.service import Blobs
    from chalicelib.blobs.writer import BlobWriter
    from chalicelib.objects.create import Creation
    from chalicelib.objects.models import BulkSoftDeleteRequest, CreateObjectRequest
    from chalicelib.objects.result import CreateResult
    from chalicelib.objects.update import ObjectChange
    from chalicelib.schemas.unique_key import Policy

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Objects:
    """The objects of all buckets. `partition` is that of the namespace, and a call only accesses this namespace.

    `identifier` is a bucket id or a bucket name.
    """

    store: ObjectStore
    blobs: Blobs
    buckets: Buckets
    ids: Ids
    clock: Clock
    pause: Callable[[float], None] = time.sleep

    def create(
        self, partition: str, identifier: str, request: CreateObjectRequest, *, policy: Policy | None = None
    ) -> CreateResult:
        """Creates an object, updates the one with the same unique key, or returns the one that the request replays.

        Raises BucketNotFound, BucketLocked, BucketNotActive, PolicyMissing, RequestInvalid, NotEnabled,
        UniqueKeyTaken, UniqueKeyAbsent, ObjectDeleted.
        """
        bucket = self.buckets.open_for_objects(partition, identifier)
        result = self._create(partition, bucket, request, effective_policy(bucket, policy))
        log.add_request_fields(object=result.stored.object_id)
        return result

    def create_many(
        self,
        partition: str,
        identifier: str,
        requests: Sequence[Callable[[], CreateObjectRequest]],
        *,
        policy: Policy | None = None,
    ) -> list[CreateResult | Exception]:
        """Creates several objects. Returns the result or the exception of each request, in their order.

        Each item of `requests` is a function that reads the request, and may raise an exception for it. Raises
        BucketNotFound, BucketLocked, BucketNotActive or PolicyMissing, which concern all requests.
        """
        from chalicelib.objects.bulk_create import BudgetShare, ResponseBudget, execute_all, increasing_clock

        bucket = self.buckets.open_for_objects(partition, identifier)
        effective = effective_policy(bucket, policy)
        budget, clock = ResponseBudget(), increasing_clock(self.clock)
        rows: list[Creation | Exception] = []
        for read in requests:
            try:
                row = self._creation(partition, bucket, read(), effective)
            except Exception as error:
                rows.append(error)
            else:
                share = BudgetShare(budget)
                rows.append(replace(row, clock=clock, reserve=share.reserve, release=share.release))
        return execute_all(
            rows, self._execute, deadline_expired=self.store.deadline_expired, connect=self.blobs.connect
        )

    def get(self, partition: str, identifier: str, object_id: str) -> StoredObject:
        """The object. Raises BucketNotFound, ObjectNotFound."""
        bucket_id = self.buckets.resolve_id(partition, identifier)
        found = self.store.find(partition, bucket_id, object_id)
        if found is None or found.soft_deleted is not None:
            self.buckets.get(partition, identifier)  # raises BucketNotFound if the bucket does not exist
            raise ObjectNotFound(object_id)
        return found

    def update(
        self,
        partition: str,
        identifier: str,
        object_id: str,
        change: ObjectChange,
        *,
        preconditions: Preconditions = ANY,
    ) -> StoredObject:
        """Updates an object and returns it. Writes nothing if the update makes no difference.

        Raises BucketNotFound, BucketLocked, BucketNotActive, ObjectNotFound, ObjectStale if a precondition fails,
        RequestInvalid, NotEnabled, UniqueKeyChange.
        """
        from chalicelib.objects.update import ObjectUpdate

        bucket = self._writable(partition, identifier)
        update = ObjectUpdate(bucket, change, self._writer(bucket))

        def read() -> StoredObject:
            return self._find(partition, bucket.bucket_id, object_id, preconditions)

        def write(old: StoredObject, new: StoredObject) -> StoredObject:
            now = format_timestamp(self.clock())
            new = replace(new, revision=old.revision + 1, updated_at=now, epoch=bucket.tally.epoch)
            self.store.replace(old, new)
            return new

        return self._write_with_rollback(
            partition,
            update.writer,
            lambda: revise(read, update.apply, write, self.pause, stored=to_item),
            lambda stored: stored.blobs,
        )

    def delete(self, partition: str, identifier: str, object_id: str, *, preconditions: Preconditions = ANY) -> None:
        """Deletes the object, even if it is soft-deleted. Its key can be used again. The change feed removes its files.

        Raises BucketNotFound, BucketLocked, BucketNotActive, ObjectNotFound, ObjectStale.
        """
        bucket = self._writable(partition, identifier)
        if preconditions.is_empty:
            self.store.remove(partition, bucket.bucket_id, object_id)
            return

        def remove() -> None:
            found = self._find(partition, bucket.bucket_id, object_id, preconditions, include_soft_deleted=True)
            self.store.remove(partition, bucket.bucket_id, object_id, found=found)

        retry_on_conflict(remove, self.pause)

    def soft_delete(self, partition: str, identifier: str, request: BulkSoftDeleteRequest) -> int:
        """Soft-deletes objects. Returns how many. Raises BucketNotFound, BucketLocked, BucketNotActive."""
        bucket = self._writable(partition, identifier)
        now = format_timestamp(self.clock())
        details = {"state": request.lifecycle_state, "reason": request.reason, "source": request.source, "at": now}
        return soft_delete_all(self.store, partition, bucket.bucket_id, request.object_ids, details, now)

    def remove_unreferenced(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Removes the files that no row refers to after the changes in these stream records. Raises Unavailable."""
        for row, keys in unreferenced_keys(records).items():
            # A write is repeated if its response was lost, so the current row may refer to the files again.
            current = self.store.find_any(*row)
            remaining = keys - {blob.key for blob in current.blobs} if current is not None else keys
            self.blobs.remove(remaining)

    def _writable(self, partition: str, identifier: str) -> Bucket:
        bucket = self.buckets.get(partition, identifier)
        check_writable(bucket)
        return bucket

    def _find(
        self,
        partition: str,
        bucket_id: str,
        object_id: str,
        preconditions: Preconditions,
        *,
        include_soft_deleted: bool = False,
    ) -> StoredObject:
        found = self.store.find(partition, bucket_id, object_id)
        if found is None or (found.soft_deleted is not None and not include_soft_deleted):
            raise ObjectNotFound(object_id)
        if not preconditions.holds(found.etag):
            raise ObjectStale(found.etag)
        return found

    def _creation(
        self, partition: str, bucket: Bucket, request: CreateObjectRequest, policy: Policy | None
    ) -> Creation:
        from chalicelib.objects.create import Creation
        from chalicelib.objects.new_object import read_new

        return Creation(
            store=self.store,
            writer=self._writer(bucket),
            ids=self.ids,
            clock=self.clock,
            pause=self.pause,
            partition=partition,
            bucket=bucket,
            new=read_new(request, bucket),
            policy=policy,
        )

    def _create(
        self, partition: str, bucket: Bucket, request: CreateObjectRequest, policy: Policy | None
    ) -> CreateResult:
        return self._execute(self._creation(partition, bucket, request, policy))

    def _execute(self, creation: Creation) -> CreateResult:
        return self._write_with_rollback(
            creation.partition, creation.writer, creation.execute, lambda result: result.stored.blobs
        )

    def _write_with_rollback(
        self, partition: str, writer: BlobWriter, write: Callable[[], T], blobs_of: Callable[[T], Sequence[Blob]]
    ) -> T:
        """The result of a write. Removes the files that were stored for it and that no row refers to."""
        try:
            result = write()
        except OutcomeUnknown:  # the row may exist, and then needs its files
            raise
        except Exception:
            self._roll_back(partition, writer, ())
            raise
        self._roll_back(partition, writer, blobs_of(result))
        return result

    def _roll_back(self, partition: str, writer: BlobWriter, needed: Sequence[Blob]) -> None:
        keys = writer.keys - {blob.key for blob in needed}
        if not keys:
            return
        try:
            # A write may have succeeded although its response was lost, so the rows decide which files are needed.
            rows = [self.store.find(partition, writer.bucket_id, object_id) for object_id in writer.object_ids]
            self.blobs.remove(keys - {blob.key for row in rows if row is not None for blob in row.blobs})
        except Exception as error:
            # The response to the client is the same. `admin blobs orphans` finds the files.
            log.log("files not removed", level=log.ERROR, error=error, keys=sorted(keys))

    def _writer(self, bucket: Bucket) -> BlobWriter:
        return self.blobs.writer(bucket.bucket_id, bucket.settings.storage_class)


def effective_policy(bucket: Bucket, policy: Policy | None) -> Policy | None:
    """The policy of the request, else of the bucket; None if the bucket has no unique key. Raises PolicyMissing."""
    unique_key = bucket.settings.unique_key
    if not unique_key:
        return None
    chosen = policy or unique_key.get("default_policy")
    if chosen is None:
        raise PolicyMissing()
    return chosen
