"""Reads a request for a new object and checks it against its bucket. Uses neither the store nor a clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from chalicelib.blobs.blob import Blob
from chalicelib.blobs.content import FindUpload, NewBlob, read_blob, url_blob
from chalicelib.blobs.mirror_requests import DEFAULTS, MirrorOptions, nothing_to_copy
from chalicelib.buckets.bucket import Bucket
from chalicelib.core.errors import invalid
from chalicelib.core.record import record
from chalicelib.objects.fields import check_names, new_values, with_blob_metadata
from chalicelib.objects.identity import content_hash, read_unique_key
from chalicelib.objects.stored_object import StoredObject

if TYPE_CHECKING:
    from chalicelib.blobs.models import CreateBlobRequest
    from chalicelib.objects.models import CreateObjectRequest

# Each upload takes two of the 100 rows of a transaction, and the object one.
MAX_UPLOADS = 49


@record
class NewObject:
    """A new object as it was requested.

    `values` has the fields without the defaults of the schema; `explicit` has the names of those that do not come
    from the metadata of files. `unique_key` has the values of the unique key, and is empty if the bucket has none.
    `source_bucket_id` is the bucket whose source adapter made the object, if one did.
    """

    values: Mapping[str, Any]
    explicit: frozenset[str]
    blobs: tuple[NewBlob, ...]
    unique_key: Mapping[str, Any]
    key_prefix: str | None
    edges: list[dict[str, Any]] | None
    idempotency_key: str | None
    skip_duplicates: bool
    source_bucket_id: str | None = None

    @property
    def content_hash(self) -> str | None:
        """The hash over all files; None if the content of any is unknown."""
        return content_hash((blob.property, blob.sha256) for blob in self.blobs)

    @property
    def size_bytes(self) -> int:
        """The total size of the files in bytes. A file of unknown size counts as 0."""
        return sum(blob.size_bytes or 0 for blob in self.blobs)

    @property
    def has_bytes(self) -> bool:
        """Whether any file must be stored in S3."""
        return any(blob.has_bytes for blob in self.blobs)


def read_new(request: CreateObjectRequest, bucket: Bucket, find_upload: FindUpload) -> NewObject:
    """The new object in a request. Raises RequestInvalid and the errors of `find_upload`."""
    sent = request.model_extra or {}
    check_names(sent, bucket.schema)
    options = MirrorOptions(request.canonicalize_source is not False, bool(request.force_remirror))
    blobs = read_blobs(request.blobs or (), bucket, find_upload, options)
    if options.force and not any(blob.is_mirrored for blob in blobs):
        raise nothing_to_copy("body", "force_remirror")
    values = with_blob_metadata(sent, [blob.metadata for blob in blobs])
    return NewObject(
        values=values,
        explicit=frozenset(sent),
        blobs=blobs,
        unique_key=read_unique_key(key_fields(bucket), values, bucket.schema),
        key_prefix=request.key_prefix,
        edges=[edge.model_dump(exclude_unset=True) for edge in request.edges] if request.edges is not None else None,
        idempotency_key=request.idempotency_key,
        skip_duplicates=bool(request.skip_duplicates),
    )


def new_from_adapter(
    fields: Mapping[str, Any], files: Mapping[str, str], bucket: Bucket, *, idempotency_key: str | None
) -> NewObject:
    """The new object that the source adapter of a bucket makes. `files` are URLs, by schema field.

    The models of requests are not used, because their import takes too long for a webhook. Raises RequestInvalid.
    """
    check_names(fields, bucket.schema)
    blobs = tuple(
        url_blob(name, url, bucket.schema, location=("body", "blobs", index))
        for index, (name, url) in enumerate(files.items())
    )
    return NewObject(
        values=fields,
        explicit=frozenset(fields),
        blobs=blobs,
        unique_key=read_unique_key(key_fields(bucket), fields, bucket.schema),
        key_prefix=None,
        edges=None,
        idempotency_key=idempotency_key,
        skip_duplicates=False,
        source_bucket_id=bucket.bucket_id,
    )


def new_from_upload(
    fields: Mapping[str, Any], blob: NewBlob, bucket: Bucket, *, idempotency_key: str | None
) -> NewObject:
    """The new object with the file of an upload. Raises RequestInvalid."""
    check_names(fields, bucket.schema)
    return NewObject(
        values=fields,
        explicit=frozenset(fields),
        blobs=(blob,),
        unique_key=read_unique_key(key_fields(bucket), fields, bucket.schema),
        key_prefix=None,
        edges=None,
        idempotency_key=idempotency_key,
        skip_duplicates=False,
    )


def read_blobs(
    given: Iterable[CreateBlobRequest], bucket: Bucket, find_upload: FindUpload, options: MirrorOptions = DEFAULTS
) -> tuple[NewBlob, ...]:
    """The files in a request. Raises RequestInvalid and the errors of `find_upload`."""
    blobs = tuple(
        read_blob(blob, bucket.schema, location=("body", "blobs", index), find_upload=find_upload, options=options)
        for index, blob in enumerate(given)
    )
    if len({blob.upload_id for blob in blobs if blob.upload_id is not None}) > MAX_UPLOADS:
        message = f"A request can name at most {MAX_UPLOADS} different uploads"
        raise invalid("body", "blobs", message=message, type="too_many_uploads")
    return blobs


def key_fields(bucket: Bucket) -> list[str]:
    """The names of the fields of the bucket's unique key; empty if it has none."""
    unique_key = bucket.settings.unique_key
    return unique_key["fields"] if unique_key else []


def complete_values(new: NewObject, bucket: Bucket) -> dict[str, Any]:
    """The fields of the object with the defaults of the schema. Raises RequestInvalid if they do not conform to it."""
    return new_values(new.values, {blob.property for blob in new.blobs}, bucket.schema, key=new.unique_key)


def stored_object(
    new: NewObject,
    bucket: Bucket,
    *,
    partition: str,
    object_id: str,
    values: Mapping[str, Any],
    blobs: tuple[Blob, ...],
    now: str,
    mark: str,
) -> StoredObject:
    """The new object, ready to be stored."""
    return StoredObject(
        partition=partition,
        bucket_id=bucket.bucket_id,
        object_id=object_id,
        values=values,
        blobs=blobs,
        created_at=now,
        updated_at=now,
        schema_version=bucket.schema_version,
        epoch=bucket.tally.epoch,
        mark=mark,
        key_prefix=new.key_prefix,
        edges=new.edges,
        idempotency_key=new.idempotency_key,
        content_hash=new.content_hash,
        source_bucket_id=new.source_bucket_id,
    )
