"""What the embedded engine keeps of S3: every object is one file in the folder `blobs`.

A file is a checked line (see `lines`) that says whose bytes follow and what they are, and then the bytes. It
is written whole before the request that brought them is answered, and takes its name last, so that a kill
leaves all of an object or nothing. There is no index: starting reads the files.
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
from chalicelib.local.moto.backends import Backends
from chalicelib.local.moto.rows import REGION

FOLDER = "blobs"
_HOST = f"s3.{REGION}.amazonaws.com"
_FRESH = ".new"
_READS = ("GET", "HEAD", "OPTIONS")


@dataclass(frozen=True, slots=True)
class ObjectLocation:
    """What a request may have changed: one object, or where `key` is empty, which objects a bucket has."""

    bucket: str
    key: str


class Files:
    """Keeps the objects of the backends' S3, and brings them back. It is a keeper of the backends."""

    def __init__(self, folder: Path, backends: Backends, report: Callable[[str], None]) -> None:
        self._folder = folder / FOLDER
        self._account = backends.account
        self._tell = report
        self._folder.mkdir(mode=0o700, exist_ok=True)
        self._kept: dict[Path, ObjectLocation] = {}
        for path in sorted(self._folder.iterdir()):
            if path.suffix == _FRESH:
                path.unlink()  # of a write that was never answered
            elif path.suffix == "":
                self._load(path)

    def make_bucket(self, name: str) -> None:
        """The bucket is there, whoever in this process has one of the same name."""
        if name not in self._backend.buckets:
            made: Any = FakeBucket  # abstract to mypy, for want of what CloudFormation needs
            self._backend.buckets[name] = made(name, self._account, REGION)

    def change(self, request: AWSPreparedRequest) -> ObjectLocation | None:
        """A request to S3 that is not a mere read."""
        url = urlsplit(request.url)
        if url.netloc != _HOST or request.method in _READS:
            return None
        bucket, _, key = unquote(url.path).lstrip("/").partition("/")
        return ObjectLocation(bucket, key)

    def keep(self, change: object) -> None:
        """Onto the disk, or from it; when the disk refuses, what is in memory is put back as the disk has it."""
        assert isinstance(change, ObjectLocation)
        for place in [change] if change.key else list(self._gone(change.bucket)):
            try:
                self._keep(place)
            except OSError as error:
                self._tell(f"cannot keep a file, it is undone: {error}")
                self._put_back(place)
                raise

    @property
    def _backend(self) -> S3Backend:
        return s3_backends[self._account]["aws"]

    def _held(self, place: ObjectLocation) -> FakeKey | None:
        bucket = self._backend.buckets.get(place.bucket)
        found = bucket.keys.get(place.key) if bucket is not None else None
        return found if isinstance(found, FakeKey) else None

    def _gone(self, bucket: str) -> Iterator[ObjectLocation]:
        """What is on the disk and in memory no more, after a request that named many keys."""
        return (place for place in self._kept.values() if place.bucket == bucket and self._held(place) is None)

    def _keep(self, place: ObjectLocation) -> None:
        path, held = self._path(place), self._held(place)
        if held is not None:
            _write(path, _header(place, held), held.value)
            self._kept[path] = place
        elif path in self._kept:
            path.unlink(missing_ok=True)
            sync_directory(self._folder)
            del self._kept[path]

    def _put_back(self, place: ObjectLocation) -> None:
        bucket = self._backend.buckets.get(place.bucket)
        if bucket is not None and place.key in bucket.keys:
            del bucket.keys[place.key]
        path = self._path(place)
        if path.exists():
            self._load(path)

    def _path(self, place: ObjectLocation) -> Path:
        # Any key makes a good name so, however long it is and whatever it holds.
        return self._folder / hashlib.sha256(f"{place.bucket}/{place.key}".encode()).hexdigest()

    def _load(self, path: Path) -> None:
        with path.open("rb") as file:
            line, content = file.readline(), file.read()
        header = decode(line)
        if header is DAMAGED or zlib.crc32(content) != header["crc32"]:
            aside = path.with_name(f"{path.name}.damaged")
            path.replace(aside)
            self._tell(f"{path} is damaged: a file of an object is lost. What is left of it is kept as {aside}")
            return
        place = ObjectLocation(header["bucket"], header["key"])
        self.make_bucket(place.bucket)
        self._restore(place, header, content)
        self._kept[path] = place

    def _restore(self, place: ObjectLocation, header: Mapping[str, Any], content: bytes) -> None:
        held = self._backend.put_object(
            place.bucket, place.key, content, storage=header["storage_class"], disable_notification=True
        )
        held.set_metadata(header["metadata"], replace=True)
        held.last_modified = datetime.fromisoformat(header["last_modified"]).astimezone(UTC).replace(tzinfo=None)


def _header(place: ObjectLocation, held: FakeKey) -> dict[str, Any]:
    return {
        "bucket": place.bucket,
        "key": place.key,
        "crc32": zlib.crc32(held.value),
        "storage_class": held.storage_class,
        "metadata": dict(held.metadata),
        "last_modified": held.last_modified.replace(tzinfo=UTC).isoformat(),
    }


def _write(path: Path, header: Mapping[str, Any], content: bytes) -> None:
    fresh = path.with_name(path.name + _FRESH)
    try:
        with open(fresh, "wb", opener=open_private) as file:
            file.write(encode(header))
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
    sync_directory(path.parent)
