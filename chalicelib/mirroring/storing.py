"""Stores a file whose bytes arrive in parts. Its key is used by this attempt only.

A small file is stored with one request, a larger one with a multipart upload. So a file that is refused at its end, for
its checksum, never exists, and is never charged for the minimum duration of a cold storage class.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

from chalicelib.blobs.content import MAX_ROW_TEXT_BYTES
from chalicelib.blobs.mime_types import decode_text
from chalicelib.core import log
from chalicelib.mirroring.checking import Description
from chalicelib.mirroring.failures import refused

if TYPE_CHECKING:
    from chalicelib.blobs.multipart import MultipartUpload
    from chalicelib.blobs.service import Blobs

# S3 accepts up to 10 000 parts, each of which, except the last, has at least 5 MiB.
PART_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Copied:
    """A file that was read to its end. `url` is None if it was not stored, because the same content is stored."""

    size_bytes: int
    sha256: str
    description: Description
    text: str | None
    key: str
    url: str | None
    storage_class: str | None


@dataclass(slots=True)
class FileCopy:
    """One attempt to store a file under a key.

    `wants` is called with the SHA-256 before the file exists. It returns false if the file is not needed, and raises
    MirrorFailed to refuse it.
    """

    files: Blobs
    key: str
    storage_class: str | None
    wants: Callable[[str], bool]
    _upload: MultipartUpload | None = None
    _may_exist: bool = False
    _hash: hashlib._Hash = field(default_factory=hashlib.sha256)

    def run(self, chunks: Iterable[bytes], describe: Callable[[bytes, bool], Description], *, is_text: bool) -> Copied:
        """Stores the file. At most four parts are in memory.

        `describe` gets the first bytes, and whether these are all. `is_text` says that a short text is returned. Raises
        MirrorFailed, Unavailable, and the errors of `chunks` and `describe`.
        """
        parts = in_parts(chunks, PART_BYTES)
        head = list(islice(parts, 2))
        if not head:
            raise refused("file_empty", "The file is empty.")
        is_whole = len(head) == 1
        description = describe(head[0], is_whole)
        text = decode_text(head[0]) if is_text and is_whole and len(head[0]) <= MAX_ROW_TEXT_BYTES else None
        if is_whole:
            size, url = len(head[0]), self._put(head[0], description)
        else:
            size, url = self._put_in_parts(head, parts, description)
        return Copied(size, self._hash.hexdigest(), description, text, self.key, url, self.storage_class)

    def discard(self) -> None:
        """Removes what was stored. An error is only logged: a lifecycle rule and `admin blobs orphans` remain."""
        try:
            if self._upload is not None:
                self._upload.abort()
            if self._may_exist:
                self.files.remove([self.key])
        except Exception as error:
            log.log("files not removed", level=log.ERROR, error=error, keys=[self.key])

    def _put(self, content: bytes, description: Description) -> str | None:
        self._hash.update(content)
        if not self.wants(self._hash.hexdigest()):
            return None
        self._may_exist = True
        return self.files.put(
            self.key,
            content,
            mime_type=description.mime_type,
            filename=description.filename,
            storage_class=self.storage_class,
        )

    def _put_in_parts(
        self, head: list[bytes], others: Iterator[bytes], description: Description
    ) -> tuple[int, str | None]:
        """Stores the parts of `head`, which it empties, so that they can be freed, and then the others."""
        upload = self._upload = self.files.begin_multipart(
            self.key,
            mime_type=description.mime_type,
            filename=description.filename,
            storage_class=self.storage_class,
        )
        size = 0
        while head:
            size += self._add(upload, head.pop(0))
        for part in others:
            size += self._add(upload, part)
        if not self.wants(self._hash.hexdigest()):
            upload.abort()
            self._upload = None
            return size, None
        self._may_exist = True
        url = upload.complete()
        self._upload = None
        return size, url

    def _add(self, upload: MultipartUpload, part: bytes) -> int:
        self._hash.update(part)
        upload.add(part)
        return len(part)


def in_parts(chunks: Iterable[bytes], part_bytes: int) -> Iterator[bytes]:
    """Yields the bytes in parts of exactly this size; the last one may be smaller. Empty parts are not yielded."""
    part = bytearray()
    for chunk in chunks:
        rest = memoryview(chunk)
        while rest:
            taken = rest[: part_bytes - len(part)]
            part += taken
            rest = rest[len(taken) :]
            if len(part) == part_bytes:
                full, part = bytes(part), bytearray()
                yield full
    if part:
        yield bytes(part)
