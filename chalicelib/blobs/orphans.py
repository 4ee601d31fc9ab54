"""Bytes that no object refers to: of writers that died, or that lost a race and could not take them back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import groupby, islice
from typing import Protocol

from chalicelib.blobs.blob import Blob
from chalicelib.blobs.store import StoredFile
from chalicelib.blobs.writer import BLOBS

LOOKED_AT_ONCE = 100

Owner = tuple[str, str]


class ObjectRow(Protocol):
    """An object, as far as its files are concerned."""

    @property
    def blobs(self) -> Iterable[Blob]:
        """The files that the object refers to."""


class ObjectRows(Protocol):
    """The rows of objects."""

    def many(self, bucket_id: str, ids: Iterable[str]) -> Iterable[ObjectRow]:
        """The objects with these ids, without those that do not exist."""


def orphans(objects: ObjectRows, held: Iterable[StoredFile], *, before: datetime) -> Iterator[StoredFile]:
    """Of what is held, in the order of keys, that which no row refers to and which was stored before a moment.

    Bytes are stored before their row, so those that are younger than a request can last are somebody's yet.
    Rows are read after the bytes were listed, and no key is used twice: what is found stays an orphan.
    Keys of another form than those of objects' files are left alone.
    """
    owned = ((owner, each) for each in held if each.stored_at < before and (owner := _owner(each.key)) is not None)
    by_owner = ((owner, [each for _, each in pairs]) for owner, pairs in groupby(owned, key=lambda pair: pair[0]))
    for bucket_id, of_bucket in groupby(by_owner, key=lambda found: found[0][0]):
        while chunk := dict(islice(of_bucket, LOOKED_AT_ONCE)):
            ids = [object_id for _, object_id in chunk]
            referred = {blob.key for stored in objects.many(bucket_id, ids) for blob in stored.blobs}
            yield from (each for files in chunk.values() for each in files if each.key not in referred)


def _owner(key: str) -> Owner | None:
    """The bucket and the object whose file this is."""
    parts = key.split("/")
    return (parts[1], parts[2]) if len(parts) == 4 and parts[0] == BLOBS else None
