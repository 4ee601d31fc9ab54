"""Finds stored files of objects that nothing refers to.

Such files remain if a process ends after it stored a file and before it writes the row, if it cannot remove the files
after a failed write, or if the record of the stream about the last reference is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import groupby, islice
from typing import Protocol

from chalicelib.blobs.blob import Blob
from chalicelib.blobs.file_version import StoredFile
from chalicelib.blobs.writer import parse_blob_key

READ_BATCH_SIZE = 100

# What the ids of objects begin with.
PREFIX = "obj"
# A bucket id and an object id.
Owner = tuple[str, str]
# Returns those of the keys of files of a bucket that its uploads need, see `SharedFiles.needed`.
NeededFiles = Callable[[str, Iterable[str]], set[str]]


class ObjectRow(Protocol):
    """The part of an object that is used here."""

    @property
    def blobs(self) -> Iterable[Blob]:
        """The files that the object refers to."""


class ObjectRows(Protocol):
    """The part of the object store that is used here."""

    def many(self, bucket_id: str, ids: Iterable[str]) -> Iterable[ObjectRow]:
        """The objects with these ids, except those that do not exist."""


def orphans(
    objects: ObjectRows, files: Iterable[StoredFile], *, before: datetime, needed: NeededFiles
) -> Iterator[StoredFile]:
    """The files that no row refers to and that were stored before a moment. `files` must be in the order of keys.

    A file is stored before its row is written, so `before` must exclude files of requests that still run. Rows are
    read after the files were listed, and a key is never used again, so no file in the result becomes referenced
    later, except the file of an upload: an object can begin to use it at any time. So it must be released before it is
    removed, see `SharedFiles.released`. Keys that are not those of objects' files are ignored.
    """
    owned = ((owner, file) for file in files if file.stored_at < before and (owner := _owner(file.key)) is not None)
    by_owner = ((owner, [file for _, file in pairs]) for owner, pairs in groupby(owned, key=lambda pair: pair[0]))
    for bucket_id, of_bucket in groupby(by_owner, key=lambda pair: pair[0][0]):
        while chunk := dict(islice(of_bucket, READ_BATCH_SIZE)):
            ids = [object_id for _, object_id in chunk]
            referenced = {blob.key for row in objects.many(bucket_id, ids) for blob in row.blobs}
            found = [file for owned_files in chunk.values() for file in owned_files if file.key not in referenced]
            shared = needed(bucket_id, (file.key for file in found))
            yield from (file for file in found if file.key not in shared)


def _owner(key: str) -> Owner | None:
    """The bucket and the object that the key belongs to; None if it is not the key of an object's file."""
    owner = parse_blob_key(key)
    return owner if owner is not None and owner[1].startswith(f"{PREFIX}_") else None
