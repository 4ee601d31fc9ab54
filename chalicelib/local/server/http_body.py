"""The body of an HTTP/1.1 request, whole or refused: never a part of it taken for the whole."""

from __future__ import annotations

from email.message import Message
from typing import BinaryIO

from chalicelib.core.errors import BadRequest, TooLarge

MAX_CHUNK_LINE_BYTES = 1024


class BodyUnreadable(BadRequest):
    """Where the body ends cannot be told, or it ended early."""

    code = "body_unreadable"


def read_body(headers: Message, stream: BinaryIO, limit: int) -> bytes | None:
    """The body that these headers announce, None where they announce none.

    Raises BodyUnreadable, or TooLarge beyond `limit` bytes; either leaves the connection of no further use.
    """
    coding = headers.get("Transfer-Encoding")
    length = _length(headers)
    if coding is None:
        return None if not length else _exactly(stream, length, limit)
    if length is not None or coding.strip().lower() != "chunked":
        raise BodyUnreadable("Send either a Content-Length, or the one Transfer-Encoding that is known: chunked")
    return _chunks(stream, limit)


def _length(headers: Message) -> int | None:
    given = set(headers.get_all("Content-Length", []))
    if not given:
        return None
    text = given.pop().strip()
    if given or not (text.isascii() and text.isdigit() and len(text) < 20):
        raise BodyUnreadable("Content-Length must be one whole number")
    return int(text)


def _chunks(stream: BinaryIO, limit: int) -> bytes:
    body = bytearray()
    while size := _chunk_size(stream):
        body += _exactly(stream, size, limit - len(body))
        if stream.readline(MAX_CHUNK_LINE_BYTES).strip():
            raise BodyUnreadable("A chunk is longer than it says")
    while stream.readline(MAX_CHUNK_LINE_BYTES).strip():
        """Trailers are read and left alone."""
    return bytes(body)


def _chunk_size(stream: BinaryIO) -> int:
    text = stream.readline(MAX_CHUNK_LINE_BYTES).partition(b";")[0].strip()
    if not text or len(text) > 16 or text.translate(None, b"0123456789abcdefABCDEF"):
        raise BodyUnreadable("A chunk has no readable size")
    return int(text, 16)


def _exactly(stream: BinaryIO, size: int, limit: int) -> bytes:
    if size > limit:
        raise TooLarge("The body is too large")
    content = stream.read(size)
    if len(content) < size:
        raise BodyUnreadable("The body ended before its announced length")
    return content
