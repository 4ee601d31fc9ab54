"""Cancels uploads."""

from __future__ import annotations

from dataclasses import dataclass

from chalicelib.aws.dynamodb.optimistic_lock import MAX_ATTEMPTS
from chalicelib.core.clock import Clock
from chalicelib.core.errors import Unavailable
from chalicelib.uploads.errors import UploadChanged, UploadCompleted
from chalicelib.uploads.promotion import Promotion
from chalicelib.uploads.store import UploadStore
from chalicelib.uploads.upload import CANCELED, COMPLETED, Upload, next_revision


@dataclass(frozen=True, slots=True)
class UploadCanceling:
    """Cancels uploads that are not completed."""

    store: UploadStore
    promotion: Promotion
    clock: Clock

    def cancel(self, upload: Upload, *, removes_file: bool) -> None:
        """Cancels an upload, and removes its file if there is one. A repetition only removes the file.

        The `message` of an upload that has failed still says why. Without `removes_file`, the file remains
        until the lifecycle rule removes it. Raises UploadCompleted, UploadNotFound.
        """
        for _ in range(MAX_ATTEMPTS):
            if upload.status == COMPLETED:
                raise UploadCompleted(upload.upload_id, upload.object_id)
            canceled = next_revision(upload, self.clock(), status=CANCELED, failure=None, keeps_file=not removes_file)
            try:
                if upload.status != CANCELED or upload.keeps_file == removes_file:
                    self.store.write(self.store.change(upload, canceled))
                self.promotion.tidy(canceled)
                return
            except UploadChanged:
                upload = self.store.current(upload)
        raise Unavailable()
