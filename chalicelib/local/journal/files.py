"""Saves the objects of S3: each is one file in the folder `blobs`.

A file starts with a checksummed JSON line (see `lines`), which has the object's bucket, key and metadata; the content
follows. A large content that came through the AWS endpoint is a file of its own (see `contents`), without a checksum,
because it is not read at the start. The file is complete before the upload gets a response, and is renamed to its final
name last, so that a kill leaves either the entire object or nothing. There is no index: the engine reads all files when
it starts.
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

from chalicelib.local.journal.contents import ContentFiles, described
from chalicelib.local.journal.lines import DAMAGED, decode, encode, open_private, sync_directory
from chalicelib.local.journal.set_aside import set_aside, set_aside_if_odd
from chalicelib.local.moto.backends import Backends
from chalicelib.local.moto.contents import StoredContent, set_stored_content, stored_content
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
        self.contents = ContentFiles(self._folder)
        self._saved: dict[Path, ObjectLocation] = {}
        self._contents_by_path: dict[Path, StoredContent] = {}
        is_intact = True
        for path in sorted(self._folder.iterdir()):
            if path.suffix in ("", _NEW_SUFFIX) and set_aside_if_odd(path, report):
                continue
            if path.suffix == _NEW_SUFFIX:
                path.unlink()  # its upload did not get a response
            elif path.suffix == "":
                is_intact &= self._load(path)
        if is_intact:  # otherwise a damaged file may name a content that can be restored
            self.contents.remove_all_except(self._contents_by_path.values())

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

    def locations(self) -> list[ObjectLocation]:
        """Returns the location of every object."""
        return list(self._saved.values())

    def find(self, location: ObjectLocation) -> FakeKey | None:
        """Returns the object at this location, or None if there is none."""
        bucket = self._backend.buckets.get(location.bucket)
        found = bucket.keys.get(location.key) if bucket is not None else None
        return found if isinstance(found, FakeKey) else None

    @property
    def _backend(self) -> S3Backend:
        return s3_backends[self._account]["aws"]

    def _deleted(self, bucket: str) -> Iterator[ObjectLocation]:
        """Yields the objects that have a file but were deleted from memory, by a request that named many keys."""
        saved = (location for location in self._saved.values() if location.bucket == bucket)
        return (location for location in saved if self.find(location) is None)

    def _save(self, location: ObjectLocation) -> None:
        path, found = self._path(location), self.find(location)
        if found is not None:
            self._write(path, location, found)
            self._saved[path] = location
        elif path in self._saved:
            path.unlink(missing_ok=True)
            sync_directory(self._folder)
            del self._saved[path]
            self._replace_content(path, None)

    def _write(self, path: Path, location: ObjectLocation, found: FakeKey) -> None:
        content = stored_content(found)
        if content is None:
            _write(path, _header(location, found, crc32=zlib.crc32(found.value)), found.value)
            self._replace_content(path, None)
            return
        linked = self.contents.link(content)
        try:
            _write(path, _header(location, found, **described(linked)), b"")
        except OSError:
            linked.path.unlink()
            raise
        set_stored_content(found, linked)
        self._replace_content(path, linked)

    def _replace_content(self, path: Path, content: StoredContent | None) -> None:
        """Records that an object has this content file, and removes the one that it had before."""
        former = self._contents_by_path.pop(path, None)
        if former is not None:
            former.path.unlink(missing_ok=True)
        if content is not None:
            self._contents_by_path[path] = content

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

    def _load(self, path: Path) -> bool:
        """Restores an object from its file. Returns False if the file is damaged, and is set aside."""
        with path.open("rb") as file:
            line, follows = file.readline(), file.read()
        header = decode(line)
        content = None if header is DAMAGED else self._content(path, header, follows)
        if content is None:
            set_aside(path, "is damaged: the file of one object is lost", self._report)
            return False
        location = ObjectLocation(header["bucket"], header["key"])
        self.make_bucket(location.bucket)
        self._restore(location, header, content)
        self._saved[path] = location
        return True

    def _content(self, path: Path, header: dict[str, Any], follows: bytes) -> bytes | StoredContent | None:
        """Returns the content of an object, or None if it is damaged."""
        if "content" not in header:
            return follows if zlib.crc32(follows) == header["crc32"] else None
        content = self.contents.find(header)
        if content is not None:
            self._contents_by_path[path] = content
        return content

    def _restore(self, location: ObjectLocation, header: Mapping[str, Any], content: bytes | StoredContent) -> None:
        value: Any = content
        restored = self._backend.put_object(
            location.bucket, location.key, value, storage=header["storage_class"], disable_notification=True
        )
        restored.set_metadata(header["metadata"], replace=True)
        restored.last_modified = datetime.fromisoformat(header["last_modified"]).astimezone(UTC).replace(tzinfo=None)


def _header(location: ObjectLocation, found: FakeKey, **content: Any) -> dict[str, Any]:
    return {
        "bucket": location.bucket,
        "key": location.key,
        **content,
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
