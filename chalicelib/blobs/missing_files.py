"""Finds references to files that are not in the store."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple, Protocol

from chalicelib.blobs.file_version import StoredFile
from chalicelib.blobs.writer import blobs_prefix

CHUNK_SIZE = 1000


class Files(Protocol):
    """The part of the blob store that is used here."""

    def list_files(self, prefix: str, *, after: str = "") -> Iterable[StoredFile]:
        """The files whose keys start with a prefix and sort after `after`, in the order of keys."""


class Reference(NamedTuple):
    """The key of a file, and the bucket and the object or upload that refers to it."""

    bucket_id: str
    owner_id: str
    key: str

    @property
    def folder(self) -> str:
        """The prefix of the keys of the owner's files. The file may be that of another owner."""
        return f"{blobs_prefix(self.bucket_id)}{self.owner_id}/"


def missing_files(store: Files, references: Iterable[Reference]) -> Iterator[Reference]:
    """Yields the references whose file is not in the store. `references` are those of one bucket, by id of the owner.

    The files are listed after the references were read, so a file in the result may have been removed meanwhile with
    its reference. A file is stored before the first reference to it, and removed after the last one. So it is missing
    if the reference still exists, which the caller must check. Lists the folders of `CHUNK_SIZE` references at a time.
    """
    remaining = iter(references)
    while chunk := list(islice(remaining, CHUNK_SIZE)):
        stored = _stored_in_folders(store, chunk)
        for reference in chunk:
            if reference.key not in stored and not _is_stored(store, reference.key):
                yield reference


def _is_stored(store: Files, key: str) -> bool:
    """Returns whether a file with this key is in the store. It lists, because the local server allows no HEAD."""
    return any(file.key == key for file in islice(store.list_files(key), 1))


def _stored_in_folders(store: Files, chunk: Sequence[Reference]) -> set[str]:
    """The wanted keys that are in the folders of their owners. The folders of a chunk are close to one another."""
    wanted = {reference.key for reference in chunk if reference.key.startswith(reference.folder)}
    if not wanted:
        return set()
    first, last = min(wanted), max(wanted)
    found = set()
    for file in store.list_files(blobs_prefix(chunk[0].bucket_id), after=first.rpartition("/")[0]):
        if file.key > last:
            break
        if file.key in wanted:
            found.add(file.key)
    return found
