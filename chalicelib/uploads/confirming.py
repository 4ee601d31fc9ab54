"""Confirms uploads: at once, or in a background task if the file is large or the client wants that."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from chalicelib.aws.dynamodb.optimistic_lock import MAX_ATTEMPTS
from chalicelib.blobs.errors import FileMissing
from chalicelib.blobs.file_version import FileVersion
from chalicelib.buckets.bucket import Bucket
from chalicelib.buckets.service import check_writable
from chalicelib.core.clock import Clock
from chalicelib.core.errors import Unavailable
from chalicelib.core.log import ERROR, log
from chalicelib.objects.service import effective_policy, policy_or_upsert
from chalicelib.tasks.service import Tasks
from chalicelib.tasks.task import NewTask
from chalicelib.tasks.task_types import UPLOAD_CONFIRMATION, UPLOADS_CONFIRMATION
from chalicelib.uploads.batching import UploadBatches
from chalicelib.uploads.checking import check_named
from chalicelib.uploads.errors import FileNotStored, UploadChanged, UploadEnded, UploadProcessing
from chalicelib.uploads.promotion import Promotion
from chalicelib.uploads.store import UploadStore
from chalicelib.uploads.upload import COMPLETED, PENDING, PROCESSING, Upload, as_seen, next_revision

if TYPE_CHECKING:
    from chalicelib.schemas.unique_key import Policy

# From this size on, a task confirms the upload: to read the file takes longer than a request may.
TASK_BYTES = 100_000_000
_CANCELED = "The upload was canceled"


class TaskNeeded(Exception):
    """The file is not to be read within the request."""


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What a client says about the file that it has stored, and how it is confirmed.

    `task` says whether a task confirms the upload, `by_size` from `TASK_BYTES` on.
    """

    etag: str | None = None
    size_bytes: int | None = None
    policy: Policy | None = None
    task: Literal["never", "by_size", "always"] = "by_size"
    submits: bool = False


@dataclass(frozen=True, slots=True)
class Confirmed:
    """The upload after a confirmation, and the task that confirms it or that runs the batch with its object."""

    upload: Upload
    task_id: str | None = None


@dataclass(frozen=True, slots=True)
class UploadConfirming:
    """Confirms uploads. `batches` submits the batches of their objects."""

    store: UploadStore
    promotion: Promotion
    tasks: Tasks
    batches: Callable[[], UploadBatches]
    clock: Clock

    def confirm(self, upload: Upload, bucket: Bucket, wanted: Confirmation) -> Confirmed:
        """Confirms an upload that may have been confirmed before.

        Raises UploadEnded, UploadProcessing, UploadNotFound, FileNotStored, EtagMismatch, SizeMismatch, PolicyMissing,
        BucketLocked, BucketNotActive, the errors of the creation of an object, and those of the submission of a batch.
        """
        if self._has_task(upload):
            upload = self._join(upload, wanted)
        elif not upload.has_ended:
            upload = self._begin(upload, bucket, wanted)
        return self._result(upload, wanted)

    def start_many(
        self,
        organization: str,
        namespace_id: str,
        bucket: Bucket,
        confirmations: Sequence[Mapping[str, Any]],
        policy: Policy | None,
    ) -> NewTask:
        """Starts a task that confirms several uploads to a bucket, and returns it. `policy` is as in Confirmation."""
        about = {"namespace_id": namespace_id, "bucket_id": bucket.bucket_id, "policy": policy}
        task = self.tasks.new(organization, UPLOADS_CONFIRMATION, inputs=confirmations, about=about)
        self.store.write(self.tasks.step(task))
        return task

    def submit(self, upload: Upload) -> Confirmed:
        """Submits a batch with the object of a completed upload, if it has a new one."""
        if upload.object_id is None or upload.duplicate_of is not None:
            return Confirmed(upload, upload.task_id)
        submitted = self.batches().submit(upload)
        return Confirmed(submitted.upload, submitted.task_id)

    def _result(self, upload: Upload, wanted: Confirmation) -> Confirmed:
        if upload.status == PROCESSING:
            return Confirmed(upload, upload.task_id)
        if upload.status != COMPLETED:
            raise ended(upload)
        check_named(upload.upload_id, wanted.etag, wanted.size_bytes, upload)
        return self.submit(upload) if wanted.submits else Confirmed(upload, upload.task_id)

    def _has_task(self, upload: Upload) -> bool:
        """Whether a task confirms the upload. If it has failed without a result, another one is started."""
        if upload.status != PROCESSING or upload.task_id is None:
            return False
        task = self.tasks.find(upload.organization, upload.task_id)
        return task is not None and not task.has_ended

    def _begin(self, upload: Upload, bucket: Bucket, wanted: Confirmation) -> Upload:
        """Promotes the file of an upload, or starts a task that does so. Returns the upload."""
        check_writable(bucket)
        seen = as_seen(upload, self.clock())
        policy = effective_policy(bucket, wanted.policy) if upload.creates_object else None
        upload = self._with_policy(upload, bucket, wanted.policy)
        try:
            return self._promote(upload, wanted, policy)
        except TaskNeeded:
            return self._start_task(upload, wanted, policy)
        except FileNotStored:
            if seen.has_ended:  # by its expiry; a file that was stored before that is promoted
                raise ended(seen) from None
            raise

    def _join(self, upload: Upload, wanted: Confirmation) -> Upload:
        """Adds a confirmation to the task that confirms the upload. Returns the upload, which may have ended meanwhile.

        Raises UploadProcessing, FileNotStored, EtagMismatch, SizeMismatch.
        """
        for _ in range(MAX_ATTEMPTS):
            if upload.status != PROCESSING:
                return upload
            if upload.policy is not None and wanted.policy not in (None, upload.policy):
                raise UploadProcessing(upload.upload_id, upload.task_id, upload.policy)
            joined = replace(
                upload,
                submits=upload.submits or wanted.submits,
                named_etag=upload.named_etag or wanted.etag,
                named_bytes=upload.named_bytes or wanted.size_bytes,
            )
            try:
                self._check_stored(upload, wanted)
                if joined != upload:
                    self.store.write(self.store.change(upload, next_revision(joined, self.clock())))
                return joined
            except (FileNotStored, UploadChanged) as error:
                current = self.store.current(upload)
                if isinstance(error, FileNotStored) and not current.has_ended:
                    raise
                upload = current
        raise Unavailable()

    def _check_stored(self, upload: Upload, wanted: Confirmation) -> None:
        """Compares what a confirmation names with the file that is stored now."""
        if wanted.etag is None and wanted.size_bytes is None:
            return
        try:
            found = self.promotion.version(upload)
        except FileMissing as error:
            raise FileNotStored(upload.upload_id) from error
        check_named(upload.upload_id, wanted.etag, wanted.size_bytes, found)

    def _with_policy(self, upload: Upload, bucket: Bucket, policy: Policy | None) -> Upload:
        """Stores the policy of a confirmation, if the event of S3 would use another one.

        If the policy refuses the object, the event must not create or change it afterwards.
        """
        for _ in range(MAX_ATTEMPTS):
            if upload.has_ended or not (upload.creates_object and policy and bucket.settings.unique_key):
                return upload
            if policy_or_upsert(bucket, upload.policy) == policy:
                return upload
            chosen = next_revision(upload, self.clock(), policy=policy)
            try:
                self.store.write(self.store.change(upload, chosen))
                return chosen
            except UploadChanged:
                upload = self.store.current(upload)
        raise Unavailable()

    def _promote(self, upload: Upload, wanted: Confirmation, policy: Policy | None) -> Upload:
        """Promotes the file that the confirmation names. Raises TaskNeeded."""

        def accepts(upload: Upload, found: FileVersion) -> None:
            check_named(upload.upload_id, wanted.etag, wanted.size_bytes, found)
            if _needs_task(wanted, found):
                raise TaskNeeded()

        upload = self.promotion.run(upload, policy=policy, accepts=accepts)
        try:
            self.promotion.tidy(upload)
        except Unavailable as error:
            # The response is the same. The event of S3 is handled later, and removes the file.
            log("A staged file was not removed", level=ERROR, error=error, upload=upload.upload_id)
        return upload

    def _start_task(self, upload: Upload, wanted: Confirmation, policy: Policy | None) -> Upload:
        """Starts the task that confirms the upload. Returns the upload, which may have ended meanwhile."""
        for _ in range(MAX_ATTEMPTS):
            about = {
                "namespace_id": upload.namespace_id,
                "bucket_id": upload.bucket_id,
                "upload_id": upload.upload_id,
            }
            task = self.tasks.new(upload.organization, UPLOAD_CONFIRMATION, inputs=[upload.upload_id], about=about)
            named = {"named_etag": wanted.etag, "named_bytes": wanted.size_bytes}
            changes = {"task_id": task.task_id, "policy": policy, "submits": wanted.submits}
            started = next_revision(upload, self.clock(), status=PROCESSING, **changes, **named)
            try:
                self.store.write(self.store.change(upload, started), self.tasks.step(task))
                return started
            except UploadChanged:
                current = self.store.current(upload)
                if current.status != PENDING:
                    return self._join(current, wanted)
                upload = current
        raise Unavailable()


def _needs_task(wanted: Confirmation, found: FileVersion) -> bool:
    return wanted.task == "always" or (wanted.task == "by_size" and found.size_bytes >= TASK_BYTES)


def ended(upload: Upload) -> UploadEnded:
    """Returns the error about an upload that has ended without a result."""
    if upload.failure is None:
        return UploadEnded(_CANCELED, "upload_canceled", upload.upload_id)
    return UploadEnded(upload.message or upload.failure, upload.failure, upload.upload_id)
