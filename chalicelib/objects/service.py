"""The operations on the objects of a bucket."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from chalicelib.aws.dynamodb.optimistic_lock import VersionConflict, retry_on_conflict, revise
from chalicelib.aws.retry import OutcomeUnknown
from chalicelib.buckets.bucket import Bucket
from chalicelib.buckets.service import Buckets, check_writable
from chalicelib.core import log
from chalicelib.core.clock import Clock, format_timestamp
from chalicelib.core.ids import Ids
from chalicelib.core.record import record
from chalicelib.http.preconditions import ANY, Preconditions
from chalicelib.objects.errors import ObjectNotFound, ObjectStale, PolicyMissing
from chalicelib.objects.soft_delete import soft_delete_all
from chalicelib.objects.store import Companions, ObjectStore
from chalicelib.objects.stored_object import StoredObject, to_item

if TYPE_CHECKING:
    from chalicelib.aws.dynamodb.table import Table
    from chalicelib.blobs.blob import Blob
    from chalicelib.blobs.content import FindUpload, NewBlob
    from chalicelib.blobs.service import Blobs
    from chalicelib.blobs.writer import BlobWriter
    from chalicelib.objects.create import Creation
    from chalicelib.objects.models import BulkSoftDeleteRequest, CreateObjectRequest
    from chalicelib.objects.new_object import NewObject
    from chalicelib.objects.processing import ProcessingResult
    from chalicelib.objects.result import CreateResult
    from chalicelib.objects.shared_files import SharedFiles
    from chalicelib.objects.update import ObjectChange
    from chalicelib.schemas.unique_key import Policy

T = TypeVar("T")


@record
class Objects:
    """The objects of all buckets. `partition` is that of the namespace, and a call only accesses this namespace.

    `identifier` is a bucket id or a bucket name. `catalog` is the table with the uploads, whose files objects can
    share. `allow_private_urls` permits copying files from private networks.
    """

    store: ObjectStore
    blobs: Blobs
    buckets: Buckets
    catalog: Table
    ids: Ids
    clock: Clock
    pause: Callable[[float], None] = time.sleep
    allow_private_urls: bool = False

    def create(
        self, partition: str, identifier: str, request: CreateObjectRequest, *, policy: Policy | None = None
    ) -> CreateResult:
        """Creates an object, updates the one with the same unique key, or returns the one that the request replays.

        Raises BucketNotFound, BucketLocked, BucketNotActive, PolicyMissing, RequestInvalid,
        UniqueKeyTaken, UniqueKeyAbsent, ObjectDeleted, and for `upload_id` those of `UploadedFiles.find`.
        """
        bucket = self.buckets.open_for_objects(partition, identifier)
        return self.create_in(partition, bucket, request, policy=effective_policy(bucket, policy))

    def recording(self, table: Table, companions: Companions) -> Objects:
        """The same objects, but each created or updated one is written in one transaction with further writes.

        `companions` returns these writes in `table`. If the condition of one of them fails, its error is raised.
        """
        return replace(self, store=self.store.with_companions(table, companions))

    def forecasting(self) -> Objects:
        """The objects as they are now, with a store that keeps all changes in memory."""
        from chalicelib.objects.forecast import ForecastStore

        return replace(self, store=ForecastStore(self.store))

    def create_in(
        self,
        partition: str,
        bucket: Bucket,
        request: CreateObjectRequest,
        *,
        policy: Policy | None,
    ) -> CreateResult:
        """Does the same as `create` in a bucket that `Buckets.open_for_objects` has returned.

        `policy` is None if the bucket has no unique key. Raises the errors of `create` that concern the object.
        """
        from chalicelib.objects.new_object import read_new

        new = read_new(request, bucket, self._find_upload(partition, bucket))
        return self.create_new(partition, bucket, new, policy=policy)

    def create_new(self, partition: str, bucket: Bucket, new: NewObject, *, policy: Policy | None) -> CreateResult:
        """Does the same as `create_in` for a new object that has been read from its source."""
        result = self._execute(self._creation(partition, bucket, new, policy))
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
        from chalicelib.objects.new_object import read_new

        bucket = self.buckets.open_for_objects(partition, identifier)
        effective = effective_policy(bucket, policy)
        budget, clock = ResponseBudget(), increasing_clock(self.clock)
        find_upload = self._find_upload(partition, bucket)
        rows: list[Creation | Exception] = []
        for read in requests:
            try:
                row = self._creation(partition, bucket, read_new(read(), bucket, find_upload), effective)
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
        RequestInvalid, UniqueKeyChange.
        """
        from chalicelib.objects.update import ObjectUpdate

        bucket = self._writable(partition, identifier)
        update = ObjectUpdate(bucket, change, self._writer(bucket), self._find_upload(partition, bucket))
        self._check_urls(update.new)

        def read() -> StoredObject:
            return self._find(partition, bucket.bucket_id, object_id, preconditions)

        def write(old: StoredObject, new: StoredObject) -> StoredObject:
            return self.store_revision(old, new, bucket)

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

    def find(self, partition: str, bucket_id: str, object_id: str) -> StoredObject | None:
        """The object, or None if it does not exist or is soft-deleted. Does not check the bucket."""
        found = self.store.find(partition, bucket_id, object_id)
        return found if found is not None and found.soft_deleted is None else None

    def existing(self, partition: str, bucket_id: str, object_ids: Iterable[str]) -> set[str]:
        """The ids among these whose objects exist and are not soft-deleted. Raises DeadlineExceeded."""
        return self.store.existing(partition, bucket_id, object_ids)

    def walk_ids(self, bucket: Bucket, filters: Mapping[str, Any] | None) -> Iterator[str]:
        """The ids of all objects of the bucket, or with `filters` of those that match.

        All ids come from an index, which is eventually consistent; matching objects are read from the table. Raises
        RequestInvalid for malformed filters, and DeadlineExceeded.
        """
        if not filters:
            return self.store.ids_by_creation(bucket.bucket_id, descending=False)
        from chalicelib.objects.lists import walk_matching

        return (stored.object_id for stored in walk_matching(self.store, bucket, filters))

    def store_revision(self, old: StoredObject, new: StoredObject, bucket: Bucket) -> StoredObject:
        """Replaces an object by its next revision, and returns that.

        Raises VersionConflict if the object has changed or was deleted, Unavailable, OutcomeUnknown, ObjectTooLarge.
        """
        now = format_timestamp(self.clock())
        new = replace(new, revision=old.revision + 1, updated_at=now, epoch=bucket.tally.epoch)
        self.store.replace(old, new)
        return new

    def record_processing(self, old: StoredObject, new: StoredObject, bucket: Bucket) -> ProcessingResult:
        """Stores the result of processing an object, if the object is still the one that was processed.

        A file by URL that had no copy, and was copied meanwhile or could not be, does not make it another one.
        Writes nothing if the result makes no difference. Raises Unavailable, OutcomeUnknown.
        """
        from chalicelib.objects.mirroring import is_copy_progress, is_file_replaced, with_copies_of
        from chalicelib.objects.processing import ProcessingResult, makes_no_difference

        while not makes_no_difference(old, new):
            try:
                self.store_revision(old, new, bucket)
            except VersionConflict:
                current = self.store.find(old.partition, old.bucket_id, old.object_id)
                if current is None or current.mark != old.mark or current.soft_deleted is not None:
                    return ProcessingResult.OBJECT_DELETED
                if not is_copy_progress(old, current):
                    return ProcessingResult.OBJECT_CHANGED
                if is_file_replaced(old, current):
                    return ProcessingResult.FILE_REPLACED
                old, new = current, with_copies_of(new, current)
            else:
                break
        return ProcessingResult.STORED

    def remove_unreferenced(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Removes the files that no row refers to after the changes in these stream records. Raises Unavailable."""
        from chalicelib.objects.unreferenced import UnreferencedFiles

        UnreferencedFiles(self.store, self.blobs, self.catalog, self.clock, self.pause).remove(records)

    def shared_files(self, partition_of: Callable[[str], str | None]) -> SharedFiles:
        """The files of uploads. `partition_of` returns the partition of a bucket, or None if it does not exist."""
        from chalicelib.objects.shared_files import SharedFiles

        return SharedFiles(self.store, self.catalog, self.clock, self.pause, partition_of)

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

    def _creation(self, partition: str, bucket: Bucket, new: NewObject, policy: Policy | None) -> Creation:
        from chalicelib.objects.create import Creation

        self._check_urls(new.blobs)
        return Creation(
            store=self.store,
            writer=self._writer(bucket),
            ids=self.ids,
            clock=self.clock,
            pause=self.pause,
            partition=partition,
            bucket=bucket,
            new=new,
            policy=policy,
        )

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
        except Exception as error:
            self._roll_back(partition, writer, ())
            writer.add_place(error)
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

    def _find_upload(self, partition: str, bucket: Bucket) -> FindUpload:
        """Returns the function that finds the files of uploads to a bucket, for one request. Reads nothing yet."""
        from chalicelib.blobs.uploaded import UploadedFiles

        return UploadedFiles(self.catalog, partition, bucket.bucket_id, self.clock).find

    def _check_urls(self, new: Sequence[NewBlob]) -> None:
        """Raises UrlInvalid for a file by URL that the service would not fetch."""
        copied: list[tuple[tuple[str | int, ...], str]] = [
            ((position, *blob.url_member), str(blob.url)) for position, blob in enumerate(new) if blob.is_mirrored
        ]
        if copied:
            from chalicelib.blobs.mirror_requests import check_urls

            check_urls(copied, allow_private=self.allow_private_urls)

    def _writer(self, bucket: Bucket) -> BlobWriter:
        return self.blobs.writer(bucket.bucket_id, bucket.settings.storage_class)


def policy_or_upsert(bucket: Bucket, policy: Policy | None = None) -> Policy | None:
    """The policy for an object that no client's request creates: the given one, else that of the bucket, else upsert.

    None if the bucket has no unique key.
    """
    unique_key = bucket.settings.unique_key
    return (policy or unique_key.get("default_policy") or "upsert") if unique_key else None


def effective_policy(bucket: Bucket, policy: Policy | None) -> Policy | None:
    """The policy of the request, else of the bucket; None if the bucket has no unique key. Raises PolicyMissing."""
    unique_key = bucket.settings.unique_key
    if not unique_key:
        return None
    chosen = policy or unique_key.get("default_policy")
    if chosen is None:
        raise PolicyMissing()
    return chosen
