"""The services of uploads together, as operations use them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from chalicelib import keys
from chalicelib.blobs.service import Blobs
from chalicelib.buckets.bucket import Bucket
from chalicelib.buckets.place import BucketPlace
from chalicelib.buckets.service import Buckets, check_writable
from chalicelib.core import log
from chalicelib.core.clock import Clock
from chalicelib.objects.service import effective_policy
from chalicelib.tasks.task import NewTask
from chalicelib.uploads.canceling import UploadCanceling
from chalicelib.uploads.confirming import Confirmation, Confirmed, UploadConfirming
from chalicelib.uploads.creating import NewUpload, UploadCreation
from chalicelib.uploads.errors import UploadNotFound
from chalicelib.uploads.store import UploadStore
from chalicelib.uploads.upload import Upload, as_seen, is_gone

if TYPE_CHECKING:
    from chalicelib.listing.query import ListPage, ListQuery
    from chalicelib.schemas.unique_key import Policy
    from chalicelib.uploads.models import BatchUploadRequest, CreateUploadRequest
    from chalicelib.uploads.views import Stats


@dataclass(frozen=True, slots=True)
class UploadServices:
    """Everything that operations on uploads need."""

    store: UploadStore
    creation: UploadCreation
    confirming: UploadConfirming
    canceling: UploadCanceling
    buckets: Buckets
    files: Blobs
    clock: Clock

    def create(self, place: BucketPlace, request: CreateUploadRequest) -> NewUpload:
        """Creates an upload. Raises BucketNotFound, BucketLocked, BucketNotActive, RequestInvalid."""
        return self.creation.create(place.organization, place.namespace_id, self.bucket(place), request)

    def create_many(self, place: BucketPlace, request: BatchUploadRequest) -> list[NewUpload]:
        """Creates several uploads, or none. Raises the errors of `create`."""
        return self.creation.create_many(place.organization, place.namespace_id, self.bucket(place), request)

    def get(self, place: BucketPlace, upload_id: str) -> Upload:
        """Returns an upload as clients see it. Raises BucketNotFound, UploadNotFound."""
        found = as_seen(self._find(self.bucket(place), place, upload_id), self.clock())
        return _with_removal(self.store, [found])[0]

    def list(self, bucket: Bucket, place: BucketPlace, query: ListQuery) -> tuple[ListPage[Upload], Stats]:
        """Returns a page of the uploads to a bucket, with statistics.

        Raises CursorInvalid, SortTooLarge, UploadListTooLong.
        """
        from chalicelib.uploads.lists import list_uploads

        page, stats = list_uploads(self.store, keys.uploads(place.partition, bucket.bucket_id), query, self.clock)
        return replace(page, rows=_with_removal(self.store, page.rows)), stats

    def cancel(self, place: BucketPlace, upload_id: str, *, removes_file: bool) -> None:
        """Cancels an upload. Raises BucketNotFound, UploadNotFound, UploadCompleted."""
        upload = self._find(self.bucket(place), place, upload_id)
        self.canceling.cancel(upload, removes_file=removes_file)

    def confirm(self, place: BucketPlace, upload_id: str, wanted: Confirmation) -> Confirmed:
        """Confirms an upload. Raises BucketNotFound, UploadNotFound, and the errors of `UploadConfirming.confirm`."""
        bucket = self.bucket(place)
        confirmed = self.confirming.confirm(self._find(bucket, place, upload_id), bucket, wanted)
        return replace(confirmed, upload=_with_removal(self.store, [confirmed.upload])[0])

    def confirm_many(
        self, place: BucketPlace, confirmations: Sequence[Mapping[str, Any]], policy: Policy | None
    ) -> NewTask:
        """Starts a task that confirms several uploads. Raises BucketNotFound, BucketLocked, BucketNotActive."""
        bucket = self.bucket(place)
        check_writable(bucket)
        effective_policy(bucket, policy)  # raises PolicyMissing
        return self.confirming.start_many(place.organization, place.namespace_id, bucket, confirmations, policy)

    def bucket(self, place: BucketPlace) -> Bucket:
        """Returns the bucket. Raises BucketNotFound."""
        return self.buckets.get(place.partition, place.identifier)

    def _find(self, bucket: Bucket, place: BucketPlace, upload_id: str) -> Upload:
        found = self.store.find(keys.uploads(place.partition, bucket.bucket_id), upload_id)
        if found is None or is_gone(found, self.clock()):
            raise UploadNotFound(upload_id)
        log.add_request_fields(upload=upload_id)
        return found


def _with_removal(store: UploadStore, uploads: Sequence[Upload]) -> list[Upload]:
    """The uploads to a bucket; each that refers to the file of another one also says when that file was removed."""
    originals = {upload.duplicate_of for upload in uploads if upload.duplicate_of is not None}
    removed = store.removed_files(uploads[0].rows, sorted(originals)) if originals else {}
    return [
        replace(upload, file_removed_at=removed[upload.duplicate_of]) if upload.duplicate_of in removed else upload
        for upload in uploads
    ]
