"""A file of the item as a stream, which reads its content in pieces from the worker."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import BinaryIO, cast

from chalicelib.processing.python_hook.messages import MAX_PIECE_BYTES

# Returns up to so many bytes from an offset on.
ReadPiece = Callable[[int, int], bytes]


def open_remote(read_piece: ReadPiece, size_bytes: int | None) -> BinaryIO:
    """Returns a stream that can seek, and that keeps at most one piece in memory."""
    return cast(BinaryIO, io.BufferedReader(RemoteFile(read_piece, size_bytes), MAX_PIECE_BYTES))


class RemoteFile(io.RawIOBase):
    """The unbuffered stream. Its name stands for a path in some libraries, so it has none."""

    def __init__(self, read_piece: ReadPiece, size_bytes: int | None) -> None:
        self._read_piece = read_piece
        self._size_bytes = size_bytes
        self._offset = 0

    def readable(self) -> bool:
        """Returns True."""
        return True

    def seekable(self) -> bool:
        """Returns True."""
        return True

    def tell(self) -> int:
        """Returns the position in bytes."""
        return self._offset

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Moves to a position, and returns it. A position after the end is allowed."""
        if whence == io.SEEK_CUR:
            offset += self._offset
        elif whence == io.SEEK_END:
            if self._size_bytes is None:
                raise io.UnsupportedOperation("the size of the file is not known")
            offset += self._size_bytes
        if offset < 0:
            raise ValueError(f"negative position {offset}")
        self._offset = offset
        return offset

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Reads the next piece into the buffer. Returns the number of bytes, 0 at the end."""
        size = min(len(buffer), MAX_PIECE_BYTES)
        if size == 0 or (self._size_bytes is not None and self._offset >= self._size_bytes):
            return 0
        piece = self._read_piece(self._offset, size)
        buffer[: len(piece)] = piece
        self._offset += len(piece)
        return len(piece)

    def readall(self) -> bytes:
        """Returns the rest of the content. The method of the base class would ask for a few kilobytes at a time."""
        pieces = []
        while piece := self.read(MAX_PIECE_BYTES):
            pieces.append(piece)
        return b"".join(pieces)
