"""Makes a stored file the file of an object. The event of S3, a confirmation and a task all call the same function.

The file is checked under its staging key, which the client can still write to. Each step after that names the version
that was checked, by its ETag. The copy gets a key that no other attempt uses, and one transaction writes the object and
completes the upload, if the upload has not changed. So of any number of attempts, with any versions of the file, one
succeeds, and afterwards nothing can change the object through the URL.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from chalicelib.aws.dynamodb.writes import Step
from chalicelib.aws.retry import OutcomeUnknown
from chalicelib.blobs.content import MAX_ROW_TEXT_BYTES, NewBlob
from chalicelib.blobs.errors import FileChanged, FileForbidden, FileMissing
from chalicelib.blobs.file_version import FileVersion
from chalicelib.blobs.garbage import COPY_CHARS
from chalicelib.blobs.mime_types import decode_text
from chalicelib.blobs.service import Blobs
from chalicelib.core.clock import Clock, format_timestamp
from chalicelib.core.errors import ApiError, Unavailable
from chalicelib.core.ids import Ids
from chalicelib.core.log import ERROR, log
from chalicelib.objects.service import Objects, policy_or_upsert
from chalicelib.objects.stored_object import StoredObject
from chalicelib.uploads.checking import check_content, check_version
from chalicelib.uploads.declaring import new_object
from chalicelib.uploads.duplicates import Duplicates
from chalicelib.uploads.errors import FileNotStored, FileRefused, UploadChanged
from chalicelib.uploads.staging import FileContent, read_file
from chalicelib.uploads.store import UploadStore
from chalicelib.uploads.upload import COMPLETED, FAILED, Upload, next_revision

if TYPE_CHECKING:
    from chalicelib.schemas.unique_key import Policy

# How often the work is repeated because the upload or its file has changed meanwhile.
MAX_ATTEMPTS = 5
_REPLAYED = "A request has created an object with the idempotency key of this upload"

Accepts = Callable[[Upload, FileVersion], None]
Companions = Callable[[StoredObject, StoredObject | None], Sequence[Step]]


@dataclass(frozen=True, slots=True)
class Promotion:
    """Checks the files of uploads and completes the uploads.

    `recording` returns objects that are written together with further writes, see `Objects.recording`.
    """

    store: UploadStore
    objects: Objects
    recording: Callable[[Companions], Objects]
    files: Blobs
    duplicates: Duplicates
    ids: Ids
    clock: Clock

    def run(self, upload: Upload, *, policy: Policy | None = None, accepts: Accepts | None = None) -> Upload:
        """Completes an upload, or makes it fail if its file is not the declared one, and returns it.

        It returns an upload that has ended as it is. `policy` is the one for the unique key, by default that of the
        upload or else of the bucket, and without any `upsert`. `accepts` is called for each version of
        the file before it is read, and may raise an error. Raises FileNotStored, UploadNotFound, Unavailable, the
        errors of `accepts`, and those of the creation of an object.
        """
        for _ in range(MAX_ATTEMPTS):
            if upload.has_ended:
                return upload
            try:
                found = self.version(upload)
                if accepts is not None:
                    accepts(upload, found)
                return self._attempt(upload, policy, found)
            except FileChanged:
                upload = self.store.current(upload)
            except FileMissing as error:
                upload = self.store.current(upload)
                if not upload.has_ended:
                    raise FileNotStored(upload.upload_id) from error
            except ApiError as error:
                upload = self.store.current(upload)
                if not upload.has_ended and not isinstance(error, UploadChanged):
                    raise
        raise Unavailable()

    def version(self, upload: Upload) -> FileVersion:
        """What S3 says about the stored file. Raises FileMissing, and Unavailable, also without the permission."""
        try:
            return self.files.version(upload.staging_key)
        except FileForbidden as error:
            # An operator has to repair the permission. Until then, the message of S3 is delivered again.
            log("A stored file may not be read", level=ERROR, error=error, upload=upload.upload_id)
            raise Unavailable() from error

    def fail(self, upload: Upload, code: str, message: str) -> Upload:
        """Makes an upload fail, and returns it. Raises UploadChanged."""
        failed = next_revision(upload, self.clock(), status=FAILED, failure=code, message=message)
        self.store.write(self.store.change(upload, failed))
        return failed

    def tidy(self, upload: Upload) -> None:
        """Removes the staged file of an upload that has ended, and copies that attempts have left. Raises Unavailable.

        An attempt that still runs cannot succeed any more, and removes its copy itself.
        """
        if not upload.keeps_file and upload.staging_key:
            self.files.remove([upload.staging_key])
        copies = self.files.keys_with_prefix(upload.folder + upload.blob_prefix)
        self.files.remove(key for key in copies if key != upload.file_key)

    def _attempt(self, upload: Upload, policy: Policy | None, found: FileVersion) -> Upload:
        """Completes the upload with this version of its file, or makes it fail."""
        try:
            check_version(upload, found, self.clock())
            content = read_file(self.files, upload, found)
            mime_type = check_content(upload, content)
        except FileRefused as error:
            return self.fail(upload, error.code, error.message)
        checked = self._completed(upload, found, content, mime_type)
        original = self.duplicates.find(upload, content.sha256)
        if original is not None:
            return self._refer(upload, checked, original)
        blob = self._blob(upload, checked)
        if upload.creates_object:
            return self._create(upload, checked, blob, policy)
        return self._keep(upload, checked, blob)

    def _completed(self, upload: Upload, found: FileVersion, content: FileContent, mime_type: str) -> Upload:
        now = self.clock()
        described = {
            "size_bytes": found.size_bytes,
            "sha256": content.sha256,
            "etag": found.etag,
            "mime_type": mime_type,
            "text": decode_text(content.start) if found.size_bytes <= MAX_ROW_TEXT_BYTES else None,
        }
        times = {"verified_at": format_timestamp(now), "completed_at": format_timestamp(now)}
        return next_revision(upload, now, status=COMPLETED, message=None, failure=None, **described, **times)

    def _blob(self, upload: Upload, checked: Upload) -> NewBlob:
        return NewBlob(
            property=upload.blob_property or "",
            type=upload.blob_type or "",
            text=checked.text if upload.blob_type == "text" else None,
            filename=upload.filename,
            mime_type=checked.mime_type,
            hash=f"sha256:{checked.sha256}",
            sha256=checked.sha256,
            copied_key=upload.staging_key,
            copied_bytes=checked.size_bytes,
            copied_etag=checked.etag,
            blob_id=upload.blob_prefix + self.ids.random("", COPY_CHARS).removeprefix("_"),
            upload_id=upload.upload_id,
        )

    def _refer(self, upload: Upload, checked: Upload, original: Upload) -> Upload:
        """Completes an upload with the file and the object of another one of the same content."""
        done = replace(
            checked,
            object_id=original.object_id,
            file_key=original.file_key,
            mime_type=original.mime_type,
            text=original.text,
            storage_class=original.storage_class,
            duplicate_of=original.upload_id,
            message=duplicate_message(original),
        )
        self.store.write(self.store.change(upload, done), self.store.has_file(original))
        return done

    def _keep(self, upload: Upload, checked: Upload, blob: NewBlob) -> Upload:
        """Completes an upload without an object: its file gets a key of its own."""
        bucket = self.objects.buckets.open_for_objects(upload.partition, upload.bucket_id)
        writer = self.files.writer(upload.bucket_id, bucket.settings.storage_class)
        (stored,) = writer.store([blob], upload.upload_id)
        done = replace(checked, file_key=stored.key, storage_class=stored.storage_class)
        try:
            self.store.write(self.store.change(upload, done))
        except OutcomeUnknown:  # the row may have the file
            raise
        except Exception:
            self._remove_copy(upload, str(stored.key))
            raise
        return done

    def _remove_copy(self, upload: Upload, key: str) -> None:
        """Removes the copy of an attempt that has not completed the upload. The error of the attempt is the result."""
        try:
            current = self.store.find(upload.rows, upload.upload_id)
            if current is None or current.file_key != key:
                self.files.remove([key])
        except Exception as error:  # `admin blobs orphans` finds the copy
            log("files not removed", level=ERROR, error=error, keys=[key])

    def _create(self, upload: Upload, checked: Upload, blob: NewBlob, policy: Policy | None) -> Upload:
        bucket = self.objects.buckets.open_for_objects(upload.partition, upload.bucket_id)
        new, done = new_object(upload, blob, bucket), checked

        def companions(new: StoredObject, _: StoredObject | None) -> Sequence[Step]:
            nonlocal done
            (stored,) = [each for each in new.blobs if each.blob_id == blob.blob_id]
            done = replace(checked, object_id=new.object_id, file_key=stored.key, storage_class=stored.storage_class)
            return self.store.completion(upload, done)

        chosen = policy_or_upsert(bucket, policy or upload.policy)
        result = self.recording(companions).create_new(upload.partition, bucket, new, policy=chosen)
        if result.replayed_by is None:
            return done
        # Another attempt has created the object, unless a client has used the same idempotency key.
        current = self.store.current(upload)
        return current if current.has_ended else self.fail(current, "idempotency_key_taken", _REPLAYED)


def duplicate_message(original: Upload) -> str:
    """Returns the message of an upload that has the content of another one."""
    return f"The upload {original.upload_id} has the same content"
