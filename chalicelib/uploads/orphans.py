"""Finds files of uploads that nothing refers to, and completed uploads whose file is not in the store."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby, islice

from chalicelib.blobs.file_version import StoredFile
from chalicelib.blobs.missing_files import Files, Reference, missing_files
from chalicelib.blobs.orphans import NeededFiles
from chalicelib.blobs.writer import parse_blob_key
from chalicelib.core.clock import parse_timestamp
from chalicelib.uploads.staging import upload_id_of
from chalicelib.uploads.store import UploadStore
from chalicelib.uploads.upload import COMPLETED, PREFIX, STAGING_DAYS, Upload

READ_BATCH_SIZE = 100


@dataclass(frozen=True, slots=True)
class UploadOrphans:
    """Compares the rows of uploads with the files."""

    store: UploadStore

    def unreferenced(
        self, files: Iterable[StoredFile], *, before: datetime, needed: NeededFiles
    ) -> Iterator[StoredFile]:
        """Yields the files in the folders of uploads that are not needed and that were stored before a moment.

        Other files are ignored. An upload names its file after that was copied, so `before` must exclude the files of
        promotions that still run. A key is never used again, but an object can begin to use the file of an upload at
        any time, so it must be released before it is removed, see `SharedFiles.released`.
        """
        old = (file for file in files if file.stored_at < before)
        owned = (file for file in old if _bucket(file.key) is not None)
        for bucket_id, of_bucket in groupby(owned, key=lambda file: str(_bucket(file.key))):
            while chunk := list(islice(of_bucket, READ_BATCH_SIZE)):
                kept = needed(bucket_id, (file.key for file in chunk))
                yield from (file for file in chunk if file.key not in kept)

    def staged(
        self, files: Iterable[StoredFile], *, before: datetime, now: datetime, bucket_id: str | None = None
    ) -> Iterator[StoredFile]:
        """Yields the staged files that no upload needs any more and that were stored before a moment.

        The upload does not exist, has ended before that moment and does not keep the file, or its URL expired so long
        ago that S3 should have removed the file. With `bucket_id`, only files of uploads to this bucket.
        """
        old = (file for file in files if file.stored_at < before)
        while chunk := list(islice(old, READ_BATCH_SIZE)):
            ids = [(upload_id_of(file.key), file) for file in chunk]
            uploads = self.store.locate_many({upload_id for upload_id, _ in ids if upload_id is not None})
            for upload_id, file in ids:
                upload = uploads.get(upload_id or "")
                if bucket_id is not None and (upload is None or upload.bucket_id != bucket_id):
                    continue
                if upload is None or not _needs(upload, file, before, now):
                    yield file

    def missing(self, files: Files, rows: str, uploads: Iterable[Upload]) -> Iterator[Reference]:
        """Yields the completed uploads whose file is not in the store. `uploads` have the partition key `rows`.

        The file of an upload with an object is that of the object, with which it is removed.
        """
        for reference in missing_files(files, _references(uploads)):
            current = self.store.find(rows, reference.owner_id)
            if current is not None and has_file(current) and current.file_key == reference.key:
                yield reference


def _references(uploads: Iterable[Upload]) -> Iterator[Reference]:
    for upload in uploads:
        if upload.object_id is None and upload.file_key is not None and has_file(upload):
            yield Reference(upload.bucket_id, upload.upload_id, upload.file_key)


def has_file(upload: Upload) -> bool:
    """Whether an upload is completed and has a file that was not removed with the last of its objects."""
    return upload.status == COMPLETED and upload.file_key is not None and upload.file_removed_at is None


def _bucket(key: str) -> str | None:
    """The bucket of a file in the folder of an upload; None for another key."""
    owner = parse_blob_key(key)
    return owner[0] if owner is not None and owner[1].startswith(f"{PREFIX}_") else None


def _needs(upload: Upload, file: StoredFile, before: datetime, now: datetime) -> bool:
    """Whether a staged file may still be checked, or is kept until S3 removes it."""
    if upload.staging_key != file.key or now >= parse_timestamp(upload.expires_at) + timedelta(days=STAGING_DAYS):
        return False
    return not upload.has_ended or upload.keeps_file or parse_timestamp(upload.updated_at) >= before
