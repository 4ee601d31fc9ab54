"""Saves the objects of S3: each is one file in the folder `blobs`.

A file starts with a checksummed JSON line (see `lines`), which has the object's bucket, key and metadata; the content
follows. The file is complete before the upload gets a response, and is renamed to its final name last, so that a kill
leaves either the entire object or nothing. There is no index: the engine reads all files when it starts.
"""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from botocore.awsrequest import AWSPreparedRequest
from moto.s3.models import FakeBucket, FakeKey, S3Backend, s3_backends

from chalicelib.local.journal.lines import DAMAGED, decode, encode, open_private, sync_directory
from chalicelib.local.journal.set_aside import set_aside, set_aside_if_odd
from chalicelib.local.moto.backends import Backends
from chalicelib.local.moto.rows import REGION

FOLDER = "blobs"
_HOST = f"s3.{REGION}.amazonaws.com"
_NEW_SUFFIX = ".new"
_READ_METHODS = ("GET", "HEAD", "OPTIONS")


@dataclass(frozen=True, slots=True)
class ObjectLocation:
    """The object that a request may have changed. An empty `key` means any objects of the bucket."""

    bucket: str
    key: str


class Files:
    """The change store of the backends' S3. Loads all saved objects when it is created."""

    def __init__(self, folder: Path, backends: Backends, report: Callable[[str], None]) -> None:
        """`report` gets a line of text for each problem."""
        self._folder = folder / FOLDER
        self._account = backends.account
        self._report = report
        self._folder.mkdir(mode=0o700, exist_ok=True)
        self._saved: dict[Path, ObjectLocation] = {}
        for path in sorted(self._folder.iterdir()):
            if path.suffix in ("", _NEW_SUFFIX) and set_aside_if_odd(path, report):
                continue
            if path.suffix == _NEW_SUFFIX:
                path.unlink()  # its upload did not get a response
            elif path.suffix == "":
                self._load(path)

    def make_bucket(self, name: str) -> None:
        """Creates an S3 bucket if it does not exist. Another engine in this process may have one of the same name."""
        if name not in self._backend.buckets:
            bucket_class: Any = FakeBucket  # mypy considers it abstract, because of methods for CloudFormation
            self._backend.buckets[name] = bucket_class(name, self._account, REGION)

    def change_of(self, request: AWSPreparedRequest) -> ObjectLocation | None:
        """Returns what an S3 request may change, or None for reads and for other services."""
        url = urlsplit(request.url)
        if url.netloc != _HOST or request.method in _READ_METHODS:
            return None
        bucket, _, key = unquote(url.path).lstrip("/").partition("/")
        return ObjectLocation(bucket, key)

    def save(self, change: object) -> None:
        """Writes the changed object to the disk, or removes its file. If it cannot, restores the object in memory."""
        assert isinstance(change, ObjectLocation)
        for location in [change] if change.key else list(self._deleted(change.bucket)):
            try:
                self._save(location)
            except OSError as error:
                self._report(f"cannot save a file, the change is undone: {error}")
                self._undo(location)
                raise

    @property
    def _backend(self) -> S3Backend:
        return s3_backends[self._account]["aws"]

    def _in_memory(self, location: ObjectLocation) -> FakeKey | None:
        bucket = self._backend.buckets.get(location.bucket)
        found = bucket.keys.get(location.key) if bucket is not None else None
        return found if isinstance(found, FakeKey) else None

    def _deleted(self, bucket: str) -> Iterator[ObjectLocation]:
        """Yields the objects that have a file but were deleted from memory, by a request that named many keys."""
        saved = (location for location in self._saved.values() if location.bucket == bucket)
        return (location for location in saved if self._in_memory(location) is None)

    def _save(self, location: ObjectLocation) -> None:
        path, found = self._path(location), self._in_memory(location)
        if found is not None:
            _write(path, _header(location, found), found.value)
            self._saved[path] = location
        elif path in self._saved:
            path.unlink(missing_ok=True)
            sync_directory(self._folder)
            del self._saved[path]

    def _undo(self, location: ObjectLocation) -> None:
        bucket = self._backend.buckets.get(location.bucket)
        if bucket is not None and location.key in bucket.keys:
            del bucket.keys[location.key]
        path = self._path(location)
        if path.exists():
            self._load(path)

    def _path(self, location: ObjectLocation) -> Path:
        # A hash, because a key may be longer than a file name and may contain any character.
        return self._folder / hashlib.sha256(f"{location.bucket}/{location.key}".encode()).hexdigest()

    def _load(self, path: Path) -> None:
        with path.open("rb") as file:
            line, content = file.readline(), file.read()
        header = decode(line)
        if header is DAMAGED or zlib.crc32(content) != header["crc32"]:
            set_aside(path, "is damaged: the file of one object is lost", self._report)
            return
        location = ObjectLocation(header["bucket"], header["key"])
        self.make_bucket(location.bucket)
        self._restore(location, header, content)
        self._saved[path] = location

    def _restore(self, location: ObjectLocation, header: Mapping[str, Any], content: bytes) -> None:
        restored = self._backend.put_object(
            location.bucket, location.key, content, storage=header["storage_class"], disable_notification=True
        )
        restored.set_metadata(header["metadata"], replace=True)
        restored.last_modified = datetime.fromisoformat(header["last_modified"]).astimezone(UTC).replace(tzinfo=None)


def _header(location: ObjectLocation, found: FakeKey) -> dict[str, Any]:
    return {
        "bucket": location.bucket,
        "key": location.key,
        "crc32": zlib.crc32(found.value),
        "storage_class": found.storage_class,
        "metadata": dict(found.metadata),
        "last_modified": found.last_modified.replace(tzinfo=UTC).isoformat(),
    }


def _write(path: Path, header: Mapping[str, Any], content: bytes) -> None:
    new_path = path.with_name(path.name + _NEW_SUFFIX)
    try:
        with open(new_path, "wb", opener=open_private) as file:
            file.write(encode(header))
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        new_path.replace(path)
    finally:
        new_path.unlink(missing_ok=True)
    sync_directory(path.parent)
