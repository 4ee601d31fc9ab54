"""Frames: a length of four bytes, and so many bytes of content."""

from __future__ import annotations

import struct

_LENGTH = struct.Struct(">I")
HEADER_BYTES = _LENGTH.size


class FrameTooLarge(Exception):
    """The other side announced a frame beyond the limit."""


def frame(content: bytes) -> bytes:
    """Returns a frame with this content."""
    return _LENGTH.pack(len(content)) + content


class FrameBuffer:
    """Collects received bytes, and returns complete frames. It keeps at most a frame and one received piece."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._received = bytearray()

    def feed(self, data: bytes) -> None:
        """Adds received bytes."""
        self._received += data

    def take(self) -> bytes | None:
        """Returns the content of the next frame, or None if it is not complete. Raises FrameTooLarge."""
        if len(self._received) < HEADER_BYTES:
            return None
        (length,) = _LENGTH.unpack_from(self._received)
        if length > self._max_bytes:
            raise FrameTooLarge()
        end = HEADER_BYTES + length
        if len(self._received) < end:
            return None
        content = bytes(self._received[HEADER_BYTES:end])
        del self._received[:end]
        return content
