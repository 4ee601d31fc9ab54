"""The workers of the tasks that confirm uploads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib import keys
from chalicelib.aws.dynamodb.writes import Step
from chalicelib.blobs.file_version import FileVersion
from chalicelib.buckets.errors import BucketLocked, BucketNotActive
from chalicelib.buckets.service import Buckets
from chalicelib.core.errors import ApiError, Unavailable
from chalicelib.core.statuses import TaskStatusEnum
from chalicelib.tasks.service import Tasks
from chalicelib.tasks.task import Task
from chalicelib.tasks.worker import Slice
from chalicelib.uploads.checking import check_named
from chalicelib.uploads.confirming import Confirmation, UploadConfirming
from chalicelib.uploads.errors import EtagMismatch, SizeMismatch, UploadChanged
from chalicelib.uploads.promotion import Promotion
from chalicelib.uploads.store import UploadStore
from chalicelib.uploads.upload import COMPLETED, FAILED, PENDING, PROCESSING, Upload, next_revision

# The entry of the progress of a task with the results so far.
RESULTS = "_results"
# The upload does not end with the task: its bucket accepts no object now, or its file is not the one that was named.
RELEASING = (BucketLocked, BucketNotActive, EtagMismatch, SizeMismatch)


@dataclass(frozen=True, slots=True)
class UploadConfirmationWorker:
    """Confirms an upload in one slice. A slice that is repeated finds what the one before has done."""

    store: UploadStore
    promotion: Promotion
    confirming: UploadConfirming
    tasks: Tasks

    def run(self, task: Task) -> Slice:
        """Runs the slice. The task fails if the upload does, or if its file is not promoted now.

        Raises Unavailable if AWS does not serve a call.
        """
        partition = keys.partition(task.organization, str(task.about["namespace_id"]))
        rows = keys.uploads(partition, str(task.about["bucket_id"]))
        upload = self.store.find(rows, str(task.about["upload_id"]))
        if upload is None:  # its bucket has been deleted
            return Slice(done=True, progress=task.progress, outputs=[])
        try:
            upload = self._promoted(upload)
        except RELEASING as error:
            return self._released(task, rows, error)
        self.promotion.tidy(upload)
        if upload.status != COMPLETED:
            return self._failed(task, upload, upload.message or "The upload was canceled")
        try:
            check_named(upload.upload_id, upload.named_etag, upload.named_bytes, upload)
            confirmed = self.confirming.submit(upload) if upload.submits else None
        except Unavailable:
            raise
        except ApiError as error:
            return self._failed(task, upload, error.text)
        batch_id = confirmed.upload.batch_id if confirmed else None
        return Slice(done=True, progress=task.progress, outputs=[_output(upload, batch_id=batch_id)])

    def _promoted(self, upload: Upload) -> Upload:
        try:
            return self.promotion.run(upload, accepts=_check_named)
        except (Unavailable, *RELEASING):
            raise
        except ApiError as error:
            return self.promotion.fail(upload, error.code or "object_refused", error.text)

    def _released(self, task: Task, upload_rows: str, error: ApiError) -> Slice:
        """Ends the task, and makes the upload pending again: its file remains, and can be confirmed again."""
        upload = self.store.find(upload_rows, str(task.about["upload_id"]))
        if upload is None or upload.task_id != task.task_id or upload.status != PROCESSING:
            raise UploadChanged()
        pending = next_revision(upload, self.promotion.clock(), status=PENDING)
        return self._failed(task, pending, error.text, self.store.change(upload, pending))

    def _failed(self, task: Task, upload: Upload, message: str, *more: Step) -> Slice:
        """Ends the task. The run that has leased it loses its lease, and so does not complete it."""
        output = _output(upload, error=message)
        steps = self.tasks.end_step(task.organization, task.task_id, TaskStatusEnum.FAILED, [output], error=message)
        if steps:
            self.store.write(*steps, *more)
        return Slice(done=True, progress=task.progress, outputs=[output])


def _check_named(upload: Upload, found: FileVersion) -> None:
    check_named(upload.upload_id, upload.named_etag, upload.named_bytes, found)


@dataclass(frozen=True, slots=True)
class BatchConfirmationWorker:
    """Confirms several uploads, one in each slice."""

    store: UploadStore
    buckets: Buckets
    confirming: UploadConfirming
    tasks: Tasks

    def run(self, task: Task) -> Slice:
        """Runs one slice. Raises Unavailable if AWS does not serve a call."""
        results = list(task.progress.get(RESULTS, ()))
        if len(results) == len(task.inputs):
            return self._ended(task, results)
        confirmation: Any = task.inputs[len(results)]
        results.append(self._confirmed(task, confirmation))
        return Slice(done=False, progress={"confirmed": len(results), RESULTS: results})

    def _confirmed(self, task: Task, wanted: Mapping[str, Any]) -> dict[str, str]:
        """Confirms an upload. Returns its entry in the outputs of the task."""
        about, upload_id = task.about, str(wanted["upload_id"])
        partition = keys.partition(task.organization, str(about["namespace_id"]))
        rows = keys.uploads(partition, str(about["bucket_id"]))
        how = Confirmation(wanted.get("etag"), wanted.get("file_size_bytes"), about.get("policy"), task="never")
        try:
            bucket = self.buckets.get(partition, str(about["bucket_id"]))
            upload = self.store.get(rows, upload_id)
            return _output(self.confirming.confirm(upload, bucket, how).upload)
        except Unavailable:
            raise
        except ApiError as error:
            current = self.store.find(rows, upload_id)
            status = current.status if current is not None else FAILED
            return {"upload_id": upload_id, "status": status.value, "error": error.text}

    def _ended(self, task: Task, results: list[dict[str, str]]) -> Slice:
        """Ends the task: completed, with errors, or failed if no upload was confirmed."""
        failed = [each for each in results if "error" in each]
        if failed:
            none = len(failed) == len(results)
            status = TaskStatusEnum.FAILED if none else TaskStatusEnum.COMPLETED_WITH_ERRORS
            error = f"{len(failed)} of {len(results)} uploads were not confirmed"
            steps = self.tasks.end_step(task.organization, task.task_id, status, results, error=error)
            if steps:
                self.store.write(*steps)
        return Slice(done=True, progress=task.progress, outputs=results)


def _output(upload: Upload, *, batch_id: str | None = None, error: str | None = None) -> dict[str, str]:
    values = {"object_id": upload.object_id, "batch_id": batch_id, "error": error}
    found = {name: value for name, value in values.items() if value is not None}
    return {"upload_id": upload.upload_id, "status": upload.status.value, **found}
