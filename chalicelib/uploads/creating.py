"""Creates uploads. Everything about a file that can be checked without it is checked before its URL is signed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from chalicelib.blobs.service import Blobs
from chalicelib.blobs.writer import blobs_prefix
from chalicelib.buckets.bucket import Bucket
from chalicelib.buckets.service import Buckets, check_writable
from chalicelib.core.clock import Clock, format_timestamp
from chalicelib.core.ids import Ids
from chalicelib.objects.service import Objects
from chalicelib.uploads.declaring import Declaration, own_object_id, read_declaration
from chalicelib.uploads.duplicates import Duplicates
from chalicelib.uploads.errors import UploadTooLarge
from chalicelib.uploads.staging import sign
from chalicelib.uploads.store import UploadStore
from chalicelib.uploads.upload import COMPLETED, DEFAULT_URL_SECONDS, PREFIX, Upload, document

if TYPE_CHECKING:
    from chalicelib.uploads.models import BatchUploadRequest, CreateUploadRequest

# The limit for the metadata of all uploads of a request, so that the response fits into the 6 MB of Lambda.
MAX_BATCH_BYTES = 3_000_000


@dataclass(frozen=True, slots=True)
class NewUpload:
    """The result of a request for an upload. `url` is None if there is nothing to upload.

    `is_duplicate` says that the upload is an earlier one of the same content.
    """

    upload: Upload
    url: str | None
    is_duplicate: bool = False


@dataclass(frozen=True, slots=True)
class UploadCreation:
    """Creates uploads to all buckets."""

    store: UploadStore
    buckets: Buckets
    objects: Objects
    files: Blobs
    duplicates: Duplicates
    ids: Ids
    clock: Clock

    def create(self, organization: str, namespace_id: str, bucket: Bucket, request: CreateUploadRequest) -> NewUpload:
        """Creates an upload, or returns the one that it duplicates.

        Raises BucketNotFound, BucketLocked, BucketNotActive, RequestInvalid.
        """
        check_writable(bucket)
        declared = read_declaration(request, bucket)
        return self._store([self._prepared(organization, namespace_id, bucket, request, declared)])[0]

    def create_many(
        self, organization: str, namespace_id: str, bucket: Bucket, request: BatchUploadRequest
    ) -> list[NewUpload]:
        """Creates several uploads; none if any of them is invalid. Raises the errors of `create`."""
        check_writable(bucket)
        shared = {"shared": request.shared_metadata, "shared_object": request.shared_object_metadata}
        declared = [
            read_declaration(each, bucket, ("body", "uploads", index), **shared)
            for index, each in enumerate(request.uploads)
        ]
        prepared = [
            self._prepared(organization, namespace_id, bucket, each, declaration)
            for each, declaration in zip(request.uploads, declared, strict=True)
        ]
        if sum(len(document(new.upload)) for new in prepared) > MAX_BATCH_BYTES:
            raise UploadTooLarge(MAX_BATCH_BYTES)
        return self._store(prepared)

    def _store(self, prepared: Sequence[NewUpload]) -> list[NewUpload]:
        new = [each.upload for each in prepared if not each.is_duplicate]
        if new:
            self.store.add(new)
        return list(prepared)

    def _prepared(
        self,
        organization: str,
        namespace_id: str,
        bucket: Bucket,
        request: CreateUploadRequest,
        declared: Declaration,
    ) -> NewUpload:
        upload = self._upload(organization, namespace_id, bucket, request, declared)
        document(upload)  # raises UploadTooLarge
        if upload.declared_sha256 is not None:
            original = self.duplicates.find(upload, upload.declared_sha256)
            if original is not None:
                return NewUpload(original, None, is_duplicate=True)
        existing_id = self._existing_id(bucket, declared, upload)
        if existing_id is not None:
            return NewUpload(_skipped(upload, existing_id), None)
        signed = sign(
            self.files,
            upload.upload_id,
            upload.filename,
            upload.content_type,
            upload.declared_bytes,
            upload.url_seconds,
        )
        return NewUpload(replace(upload, staging_key=signed.key), signed.url)

    def _upload(
        self,
        organization: str,
        namespace_id: str,
        bucket: Bucket,
        request: CreateUploadRequest,
        declared: Declaration,
    ) -> Upload:
        # The id and `created_at` have the same time: lists use the order of ids as the order of creation.
        now = self.clock()
        upload_id, seconds = self.ids.timed(PREFIX, now), request.presigned_url_expiration or DEFAULT_URL_SECONDS
        owner = (declared.object_id or own_object_id(bucket.bucket_id, upload_id)) if declared.creates_object else None
        return Upload(
            organization=organization,
            namespace_id=namespace_id,
            bucket_id=bucket.bucket_id,
            upload_id=upload_id,
            filename=declared.filename,
            content_type=declared.content_type,
            staging_key="",
            folder=f"{blobs_prefix(bucket.bucket_id)}{owner or upload_id}/",
            url_seconds=seconds,
            created_at=format_timestamp(now),
            updated_at=format_timestamp(now),
            expires_at=format_timestamp(now + timedelta(seconds=seconds)),
            declared_bytes=request.file_size_bytes,
            declared_sha256=request.file_hash,
            metadata=declared.metadata,
            creates_object=declared.creates_object,
            object_metadata=declared.object_metadata,
            blob_property=declared.blob_property,
            blob_type=declared.blob_type,
            skip_duplicates=declared.skip_duplicates,
        )

    def _existing_id(self, bucket: Bucket, declared: Declaration, upload: Upload) -> str | None:
        """The id of the object with the same unique key, if the bucket's policy refuses a second one."""
        unique_key = bucket.settings.unique_key
        if declared.object_id is None or not unique_key or unique_key.get("default_policy") != "insert":
            return None
        found = self.objects.find(upload.partition, bucket.bucket_id, declared.object_id)
        return found.object_id if found is not None else None


def _skipped(upload: Upload, existing_id: str) -> Upload:
    """The upload of a file that is not needed. It is completed, and has no file."""
    return replace(
        upload,
        status=COMPLETED,
        completed_at=upload.created_at,
        existing_object_id=existing_id,
        message="An object with this unique key exists, and the bucket's policy is insert: there is nothing to upload",
    )
