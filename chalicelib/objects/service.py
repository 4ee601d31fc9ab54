"""What may be done with the objects of a bucket."""

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
from chalicelib.objects.soft_delete import hide_all
from chalicelib.objects.store import ObjectStore
from chalicelib.objects.stored_object import StoredObject, to_item

if TYPE_CHECKING:
    from chalicelib.blobs.blob import Blob
    from chalicelib.blobs.service import Blobs
    from chalicelib.blobs.writer import BlobWriter
    from chalicelib.objects.create import Creation
    from chalicelib.objects.models import BulkSoftDeleteRequest, CreateObjectRequest
    from chalicelib.objects.result import Settled
    from chalicelib.objects.update import ObjectChange
    from chalicelib.schemas.unique_key import Policy

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Objects:
    """The objects of every bucket. A call names the namespace's `partition`, and never leaves it."""

    store: ObjectStore
    blobs: Blobs
    buckets: Buckets
    ids: Ids
    clock: Clock
    pause: Callable[[float], None] = time.sleep

    def create(
        self, partition: str, identifier: str, request: CreateObjectRequest, *, policy: Policy | None = None
    ) -> Settled:
        """A new object, or the one that answers already, or the one changed, as identity and policy have it.

        Raises BucketNotFound, BucketLocked, BucketNotActive, PolicyMissing, RequestInvalid, NotEnabled,
        UniqueKeyTaken, UniqueKeyAbsent, ObjectDeleted.
        """
        bucket = self._writable(partition, identifier)
        return self._settle(partition, bucket, request, effective_policy(bucket, policy))

    def create_many(
        self,
        partition: str,
        identifier: str,
        requests: Sequence[Callable[[], CreateObjectRequest]],
        *,
        policy: Policy | None = None,
    ) -> list[Settled | Exception]:
        """Settles each request on its own, in their order: what came of it, or the refusal, or the fault of ours.

        A request is read by a call, and what that raises is what came of its row. Raises what concerns all rows:
        BucketNotFound, BucketLocked, BucketNotActive, PolicyMissing.
        """
        from chalicelib.objects.bulk_create import BudgetShare, ResponseBudget, rising, settle_all

        bucket = self._writable(partition, identifier)
        effective = effective_policy(bucket, policy)
        budget, clock = ResponseBudget(), rising(self.clock)
        rows: list[Creation | Exception] = []
        for read in requests:
            try:
                row = self._creation(partition, bucket, read(), effective)
            except Exception as error:
                rows.append(error)
            else:
                share = BudgetShare(budget)
                rows.append(replace(row, clock=clock, admit=share.admit, release=share.release))
        return settle_all(rows, self._settled, deadline_expired=self.store.deadline_expired, connect=self.blobs.connect)

    def get(self, partition: str, identifier: str, object_id: str) -> StoredObject:
        """The object. Raises BucketNotFound, ObjectNotFound."""
        bucket_id = self.buckets.locate(partition, identifier)
        found = self.store.find(partition, bucket_id, object_id)
        if found is None or found.soft_deleted is not None:
            self.buckets.get(partition, identifier)  # which of the two is not there
            raise ObjectNotFound(object_id)
        return found

    def change(
        self,
        partition: str,
        identifier: str,
        object_id: str,
        change: ObjectChange,
        *,
        preconditions: Preconditions = ANY,
    ) -> StoredObject:
        """The object after a change; the same object where nothing differs.

        Raises BucketNotFound, BucketLocked, BucketNotActive, ObjectNotFound, ObjectStale (a precondition
        fails), RequestInvalid, NotEnabled, UniqueKeyChange.
        """
        from chalicelib.objects.update import Changing

        bucket = self._writable(partition, identifier)
        changing = Changing(bucket, change, self._deposit(bucket))

        def read() -> StoredObject:
            return self._find(partition, bucket.bucket_id, object_id, preconditions)

        def write(old: StoredObject, new: StoredObject) -> StoredObject:
            now = format_timestamp(self.clock())
            new = replace(new, revision=old.revision + 1, updated_at=now, epoch=bucket.tally.epoch)
            self.store.replace(old, new)
            return new

        return self._kept(
            partition,
            changing.deposit,
            lambda: revise(read, changing.revised, write, self.pause, stored=to_item),
            lambda stored: stored.blobs,
        )

    def delete(self, partition: str, identifier: str, object_id: str, *, preconditions: Preconditions = ANY) -> None:
        """Removes the object for good, a hidden one too; what identified it is free again. Its bytes follow.

        Raises BucketNotFound, BucketLocked, BucketNotActive, ObjectNotFound, ObjectStale.
        """
        bucket = self._writable(partition, identifier)
        if preconditions.match is None:
            self.store.remove(partition, bucket.bucket_id, object_id)
            return

        def remove() -> None:
            found = self._find(partition, bucket.bucket_id, object_id, preconditions, hidden_too=True)
            self.store.remove(partition, bucket.bucket_id, object_id, found=found)

        retry_on_conflict(remove, self.pause)

    def hide(self, partition: str, identifier: str, request: BulkSoftDeleteRequest) -> int:
        """Soft-deletes objects, and says how many there were to hide. Raises as `delete` does of buckets."""
        bucket = self._writable(partition, identifier)
        now = format_timestamp(self.clock())
        mark = {"state": request.lifecycle_state, "reason": request.reason, "source": request.source, "at": now}
        return hide_all(self.store, partition, bucket.bucket_id, request.object_ids, mark, now)

    def remove_unreferenced(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Removes the bytes that no row refers to after these stream records. Raises Unavailable."""
        for row, keys in unreferenced_keys(records).items():
            # The row as it is now: a write whose answer was lost may have been made once more.
            found = self.store.find_any(*row)
            left = keys - {blob.key for blob in found.blobs} if found is not None else keys
            self.blobs.remove(left)

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
        hidden_too: bool = False,
    ) -> StoredObject:
        found = self.store.find(partition, bucket_id, object_id)
        if found is None or (found.soft_deleted is not None and not hidden_too):
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
            deposit=self._deposit(bucket),
            ids=self.ids,
            clock=self.clock,
            pause=self.pause,
            partition=partition,
            bucket=bucket,
            new=read_new(request, bucket),
            policy=policy,
        )

    def _settle(self, partition: str, bucket: Bucket, request: CreateObjectRequest, policy: Policy | None) -> Settled:
        return self._settled(self._creation(partition, bucket, request, policy))

    def _settled(self, creation: Creation) -> Settled:
        return self._kept(creation.partition, creation.deposit, creation.settle, lambda settled: settled.stored.blobs)

    def _kept(
        self, partition: str, deposit: BlobWriter, write: Callable[[], T], blobs: Callable[[T], Sequence[Blob]]
    ) -> T:
        """What a write gives; bytes that neither its outcome nor a row refers to are taken back."""
        try:
            done = write()
        except OutcomeUnknown:  # the row may be there, and it needs its bytes
            raise
        except Exception:
            self._take_back(partition, deposit, ())
            raise
        self._take_back(partition, deposit, blobs(done))
        return done

    def _take_back(self, partition: str, deposit: BlobWriter, kept: Sequence[Blob]) -> None:
        left = deposit.keys - {blob.key for blob in kept}
        if not left:
            return
        try:  # a write whose answer was lost may have been made all the same: only the rows know
            rows = [self.store.find(partition, deposit.bucket_id, object_id) for object_id in deposit.object_ids]
            self.blobs.remove(left - {blob.key for row in rows if row is not None for blob in row.blobs})
        except Exception as error:  # the request is settled either way, and the listing of orphans has them
            log.log("files not removed", level=log.ERROR, error=error, keys=sorted(left))

    def _deposit(self, bucket: Bucket) -> BlobWriter:
        return self.blobs.writer(bucket.bucket_id, bucket.settings.get("storage_class"))


def effective_policy(bucket: Bucket, policy: Policy | None) -> Policy | None:
    """The request's policy, else the bucket's; None where there is no unique key. Raises PolicyMissing."""
    unique_key: Mapping[str, Any] | None = bucket.settings.get("unique_key")
    if not unique_key:
        return None
    chosen: Policy | None = policy or unique_key.get("default_policy")
    if chosen is None:
        raise PolicyMissing()
    return chosen
