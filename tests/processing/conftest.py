from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from mypy_boto3_s3 import S3Client

from chalicelib.blobs.blob import Blob
from chalicelib.blobs.service import Blobs
from chalicelib.blobs.store import BlobStore
from chalicelib.core.ids import Ids
from chalicelib.processing.python_hook.client import PythonHook
from tests.processing.support import Run, new_file

LIMIT_SECONDS = 20.0


@pytest.fixture
def blobs(s3: S3Client, blob_bucket: str) -> Blobs:
    """The files of objects, in an empty S3 bucket."""
    return Blobs(BlobStore(lambda: s3, blob_bucket, sleep=lambda _: None), Ids(lambda: datetime.now(UTC)))


@pytest.fixture
def store_file(blobs: Blobs) -> Callable[..., Blob]:
    """A function that stores a file, and returns its blob."""

    def store(content: bytes, name: str = "review") -> Blob:
        blob = new_file(name, size_bytes=len(content))
        assert blob.key is not None
        blobs.store.put(blob.key, content, mime_type="text/plain", filename=None, storage_class=None)
        return blob

    return store


@pytest.fixture
def new_hook(blobs: Blobs) -> Iterator[Callable[..., PythonHook]]:
    """A function that returns the processor of a Python function. All are closed after the test."""
    made: list[PythonHook] = []

    def new(seconds: float = LIMIT_SECONDS, *, function: str = "tests.processing.hooks:process") -> PythonHook:
        made.append(PythonHook(function, blobs, seconds))
        return made[-1]

    yield new
    for hook in made:
        hook.close()


@pytest.fixture(scope="module")
def shared() -> Iterator[PythonHook]:
    """A processor for all tests of a module that leave its process as it is. It has no files."""
    without_files: Any = None
    hook = PythonHook("tests.processing.hooks:process", without_files, LIMIT_SECONDS)
    yield hook
    hook.close()


@pytest.fixture
def run(shared: PythonHook) -> Run:
    """A function that processes an object with the shared processor."""
    return Run(shared)
