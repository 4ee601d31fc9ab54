"""Large S3 objects of the embedded engine: their content is a file, which is never entirely in memory.

moto 5.2.5 copies the content of an object for each request, also for one that reads a small range of it. With these
patches, the content of an object can be a file that is mapped into memory. Objects of any other kind are not affected.
"""

from __future__ import annotations

import mmap
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

from moto.s3 import responses
from moto.s3.models import FakeKey, S3Backend

READ_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class StoredContent:
    """A file with the content of an object, and its hashes in hex. The MD5 is the ETag.

    It takes the place of the buffer in which moto keeps a content.
    """

    path: Path
    size: int
    md5: str
    sha256: str

    def mapped(self) -> MappedContent:
        """Returns the content without reading it. It remains readable when the file is removed. Raises OSError."""
        with self.path.open("rb") as file:
            mapped = MappedContent(file.fileno(), self.size, access=mmap.ACCESS_READ)
        mapped.stored = self
        return mapped

    def close(self) -> None:
        """Does nothing: no file is open between requests."""


class MappedContent(mmap.mmap):
    """The content of an object, as bytes that are read from the file when they are used."""

    stored: StoredContent


class MappedResponse:
    """The body of a response, read in parts."""

    def __init__(self, content: MappedContent) -> None:
        self._content = content

    def read(self, size: int | None = None) -> bytes:
        """Returns the next bytes, by default all; empty at the end."""
        return self._content.read() if size is None else self._content.read(size)

    def stream(self, **_: Any) -> Iterator[bytes]:
        """Yields all bytes."""
        while part := self._content.read(READ_BYTES):
            yield part

    def close(self) -> None:
        """Releases the content."""
        self._content.close()


# The content of the request that is processed, if it is not in the request itself.
_given: ContextVar[StoredContent | None] = ContextVar("given content", default=None)


@contextmanager
def content_given(content: StoredContent | None) -> Iterator[None]:
    """Inside the block, the content that PutObject stores is this file, unless it is None."""
    token = _given.set(content)
    try:
        yield
    finally:
        _given.reset(token)


def stored_content(key: FakeKey) -> StoredContent | None:
    """Returns the file with the content of an object, or None if the content is in moto's memory."""
    buffer: Any = key._value_buffer
    return buffer if isinstance(buffer, StoredContent) else None


def set_stored_content(key: FakeKey, content: StoredContent) -> None:
    """Makes this file the content of an object."""
    replaced: Any = key
    replaced._value_buffer.close()
    replaced._value_buffer, replaced.contentsize, replaced._etag = content, content.size, content.md5


def install_content_patches() -> None:
    """Patches moto in this process. Must be called only once."""
    keys: Any = FakeKey
    keys.value = property(_mapped_if_stored(keys.value.fget), _stored_if_mapped(keys.value.fset))
    backend: Any = S3Backend
    backend.put_object = _with_given_content(backend.put_object)
    copies: Any = responses
    copies.compute_checksum = _known_if_mapped(copies.compute_checksum)


def _mapped_if_stored(original: Callable[[FakeKey], bytes]) -> Callable[[FakeKey], Any]:
    def value(key: FakeKey) -> Any:
        content = stored_content(key)
        return original(key) if content is None else content.mapped()

    return value


def _stored_if_mapped(original: Callable[[FakeKey, Any], None]) -> Callable[[FakeKey, Any], None]:
    """Takes over the file of a content that is copied from another object."""

    def set_value(key: FakeKey, new: Any) -> None:
        if isinstance(new, StoredContent):
            set_stored_content(key, new)
        elif isinstance(new, MappedContent):
            set_stored_content(key, new.stored)
        else:
            original(key, new)

    return set_value


def _with_given_content(original: Callable[..., FakeKey]) -> Callable[..., FakeKey]:
    @wraps(original)
    def put_object(backend: S3Backend, bucket_name: str, key_name: str, value: Any, **more: Any) -> FakeKey:
        given = _given.get()
        return original(backend, bucket_name, key_name, value if given is None else given, **more)

    return put_object


def _known_if_mapped(original: Callable[..., bytes]) -> Callable[..., bytes]:
    """Returns the SHA-256 that was computed while the content was received, and does not read the content again."""

    @wraps(original)
    def compute_checksum(body: Any, algorithm: str, **more: Any) -> bytes:
        if isinstance(body, MappedContent) and algorithm == "SHA256" and not more:
            return b64encode(bytes.fromhex(body.stored.sha256))
        return original(body, algorithm, **more)

    return compute_checksum
