"""The files with the contents of large S3 objects, and those that are being received.

The name of a content file is random. The file of an object (see `files`) names its content file, so a content file that
no object names is left from a process that was killed, and is removed at the next start.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

from chalicelib.local.journal.lines import open_private
from chalicelib.local.moto.contents import StoredContent

_INCOMING_SUFFIX = ".incoming"
_CONTENT_SUFFIX = ".content"


class IncomingContent:
    """A content that is being received. Its hashes are those of the parts until now."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self._path, self._file = path, file
        self._sha256, self._md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
        self._size = 0

    @property
    def sha256(self) -> str:
        """The SHA-256 of the content in hex."""
        return self._sha256.hexdigest()

    def write(self, part: bytes) -> None:
        """Adds a part. Raises OSError, for example if the disk is full."""
        self._file.write(part)
        self._sha256.update(part)
        self._md5.update(part)
        self._size += len(part)

    def finish(self) -> StoredContent:
        """Writes everything to the disk, and returns the content. It exists until the end of `receive`."""
        self._file.flush()
        os.fsync(self._file.fileno())
        return StoredContent(self._path, self._size, self._md5.hexdigest(), self.sha256)


class ContentFiles:
    """The content files in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def receive(self) -> Iterator[IncomingContent]:
        """Yields a new content. At the end its file is removed; an object stored meanwhile has a link of its own."""
        path = self._new_path(_INCOMING_SUFFIX)
        try:
            with open(path, "xb", opener=open_private) as file:
                yield IncomingContent(path, file)
        finally:
            path.unlink(missing_ok=True)

    def link(self, content: StoredContent) -> StoredContent:
        """Returns the same content with a file of its own. No bytes are copied if the file system has hard links."""
        path = self._new_path(_CONTENT_SUFFIX)
        try:
            os.link(content.path, path)
        except OSError:
            shutil.copyfile(content.path, path)
        return replace(content, path=path)

    def find(self, header: dict[str, Any]) -> StoredContent | None:
        """Returns the content that the header of an object names, or None if its file is missing or incomplete."""
        content = StoredContent(self._folder / header["content"], header["size"], header["md5"], header["sha256"])
        is_complete = content.path.is_file() and content.path.stat().st_size == content.size
        return content if is_complete else None

    def remove_all_except(self, used: Iterable[StoredContent]) -> None:
        """Removes the files of contents that no object has, and those that were being received."""
        kept = {content.path for content in used}
        for path in self._folder.iterdir():
            if path.suffix == _INCOMING_SUFFIX or (path.suffix == _CONTENT_SUFFIX and path not in kept):
                path.unlink()

    def _new_path(self, suffix: str) -> Path:
        return self._folder / f"{secrets.token_hex(16)}{suffix}"


def described(content: StoredContent) -> dict[str, Any]:
    """Returns the part of the header of an object that names its content file."""
    return {"content": content.path.name, "size": content.size, "md5": content.md5, "sha256": content.sha256}
