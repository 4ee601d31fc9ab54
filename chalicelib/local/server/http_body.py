"""Reads the body of an HTTP/1.1 request, either all of it or none: RFC 9112, sections 6 and 7."""

from __future__ import annotations

import socket
from email.message import Message
from typing import BinaryIO

from chalicelib.core.errors import BadRequest, TooLarge

MAX_CHUNK_LINE_BYTES = 1024
MAX_DRAIN_SECONDS = 2.0
MAX_DRAIN_BYTES = 64_000_000


class BodyUnreadable(BadRequest):
    """The end of the body is unclear, or the body ended early."""

    code = "body_unreadable"


def read_body(headers: Message, stream: BinaryIO, limit: int) -> bytes | None:
    """Returns the body that these headers announce, or None if they announce none.

    Raises BodyUnreadable, or TooLarge for more than `limit` bytes. After either, the connection must be closed.
    """
    codings = headers.get_all("Transfer-Encoding", [])
    length = content_length(headers)
    if not codings:
        return None if not length else _exactly(stream, length, limit)
    if length is not None or [coding.strip().lower() for coding in codings] != ["chunked"]:
        raise BodyUnreadable(
            "Send either a Content-Length or the Transfer-Encoding chunked, which is the only one supported"
        )
    return _chunks(stream, limit)


def drain(connection: socket.socket) -> None:
    """Ends the response and reads the rest of the request, within limits of time and size.

    Closing a connection with unread bytes resets it, and the client could lose the response.
    """
    try:
        connection.shutdown(socket.SHUT_WR)
        connection.settimeout(MAX_DRAIN_SECONDS)
        remaining = MAX_DRAIN_BYTES
        while remaining > 0 and (read := connection.recv(65_536)):
            remaining -= len(read)
    except OSError:
        return


def content_length(headers: Message) -> int | None:
    """Returns the Content-Length, or None if there is none. Raises BodyUnreadable if it is not one integer."""
    values = set(headers.get_all("Content-Length", []))
    if not values:
        return None
    text = values.pop().strip()
    if values or not (text.isascii() and text.isdigit() and len(text) < 20):
        raise BodyUnreadable("Content-Length must be one integer")
    return int(text)


def _chunks(stream: BinaryIO, limit: int) -> bytes:
    body = bytearray()
    while size := _chunk_size(stream):
        body += _exactly(stream, size, limit - len(body))
        if stream.readline(MAX_CHUNK_LINE_BYTES).strip():
            raise BodyUnreadable("A chunk is longer than its size")
    while stream.readline(MAX_CHUNK_LINE_BYTES).strip():
        pass  # trailers are ignored
    return bytes(body)


def _chunk_size(stream: BinaryIO) -> int:
    text = stream.readline(MAX_CHUNK_LINE_BYTES).partition(b";")[0].strip()
    if not text or len(text) > 16 or text.translate(None, b"0123456789abcdefABCDEF"):
        raise BodyUnreadable("A chunk has no valid size")
    return int(text, 16)


def _exactly(stream: BinaryIO, size: int, limit: int) -> bytes:
    if size > limit:
        raise TooLarge()
    content = stream.read(size)
    if len(content) < size:
        raise BodyUnreadable("The body is shorter than its announced length")
    return content
