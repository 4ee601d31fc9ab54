"""Submits a batch with the object of an upload (`auto_submit_batch`)."""

from __future__ import annotations

from dataclasses import dataclass

from chalicelib.aws.dynamodb.optimistic_lock import MAX_ATTEMPTS
from chalicelib.batches.errors import BatchNotDraft, BatchNotFound
from chalicelib.batches.service import PREFIX as BATCH_PREFIX
from chalicelib.batches.service import Batches, Submission
from chalicelib.buckets.place import BucketPlace
from chalicelib.core.clock import Clock
from chalicelib.core.errors import ApiError, Unavailable
from chalicelib.uploads.errors import UploadChanged
from chalicelib.uploads.store import UploadStore
from chalicelib.uploads.upload import PREFIX, Upload, next_revision


@dataclass(frozen=True, slots=True)
class Submitted:
    """The batch with the object of an upload, and the task that runs it."""

    upload: Upload
    task_id: str | None


@dataclass(frozen=True, slots=True)
class UploadBatches:
    """Makes one batch of the object of an upload, however often it is asked to."""

    store: UploadStore
    batches: Batches
    clock: Clock

    def submit(self, upload: Upload) -> Submitted:
        """Submits a batch with the object, if that has not been done. The id of the batch follows from the upload's.

        Raises ApiError with the ids of upload, object and batch in its details. The object stays, and the batch too.
        """
        place = BucketPlace(upload.organization, upload.namespace_id, upload.bucket_id)
        batch_id = f"{BATCH_PREFIX}_{upload.upload_id.removeprefix(f'{PREFIX}_')}"
        try:
            if upload.batch_id is None:
                upload = self._add(upload, place, batch_id)
            return Submitted(upload, self._task_id(place, batch_id))
        except ApiError as error:
            ids = {"upload_id": upload.upload_id, "object_id": upload.object_id, "batch_id": upload.batch_id}
            error.details = {**(error.details or {}), **ids}
            raise

    def _add(self, upload: Upload, place: BucketPlace, batch_id: str) -> Upload:
        """Stores the batch as a draft and its id in the row of the upload."""
        bucket = self.batches.buckets.get(place.partition, place.identifier)
        for _ in range(MAX_ATTEMPTS):
            new = next_revision(upload, self.clock(), batch_id=batch_id)
            more = [self.store.change(upload, new)]
            try:
                self.batches.add(place, bucket, [str(upload.object_id)], batch_id=batch_id, more=more)
                return new
            except Unavailable as error:
                # Another confirmation may have done the same, or another object has begun to use the file.
                current = self.store.find(upload.rows, upload.upload_id)
                if current is not None and current.batch_id is not None:
                    return current
                if current is None or not isinstance(error, UploadChanged):
                    raise
                upload = current
        raise Unavailable()

    def _task_id(self, place: BucketPlace, batch_id: str) -> str | None:
        """Submits the draft. Returns the id of the task; None if the batch has been deleted since."""
        try:
            return self.batches.submit(place, batch_id, Submission(force=True))[1].task_id
        except BatchNotDraft:
            return self.batches.get(place, batch_id).task_id
        except BatchNotFound:
            return None
