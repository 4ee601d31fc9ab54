"""Finds objects that refer to files that are not in the store."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from chalicelib.blobs.missing_files import Files, Reference, missing_files
from chalicelib.objects.store import ObjectStore
from chalicelib.objects.stored_object import StoredObject


def missing_object_files(
    objects: ObjectStore, files: Files, bucket_id: str, rows: Iterable[StoredObject]
) -> Iterator[Reference]:
    """Yields the references of objects to files that are not in the store. `rows` are those of a bucket, by id."""
    references = (
        Reference(bucket_id, stored.object_id, blob.key) for stored in rows for blob in stored.blobs if blob.key
    )
    for reference in missing_files(files, references):
        current = objects.find_any(bucket_id, reference.owner_id)
        if current is not None and any(blob.key == reference.key for blob in current.blobs):
            yield reference
