"""A response whose body is read in parts, within the limits of time and of bytes of its request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from http.client import HTTPException, HTTPResponse
from typing import TYPE_CHECKING

from chalicelib.outbound.errors import ResponseTooLarge
from chalicelib.outbound.messages import MAX_FRAMING_FACTOR, MAX_HEADER_BYTES, headers_of
from chalicelib.outbound.translation import translated_errors

if TYPE_CHECKING:
    from chalicelib.outbound.connection import Connection

READ_BYTES = 65_536


class GuardedStream:
    """A response with a status and headers, whose names are in lower case. It is a context manager that closes it.

    `needs_orderly_end`: a body that ends with a TLS connection is refused if that does not end in order.
    """

    def __init__(
        self, connection: Connection, response: HTTPResponse, max_bytes: int, *, needs_orderly_end: bool = True
    ) -> None:
        self._connection, self._response, self._max_bytes = connection, response, max_bytes
        self._needs_orderly_end = needs_orderly_end
        self.status: int = response.status
        self.headers: Mapping[str, str] = headers_of(response)

    def __enter__(self) -> GuardedStream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connection. The rest of the body is not read."""
        self._connection.close()

    def chunks(self) -> Iterator[bytes]:
        """Yields the body in parts of up to `READ_BYTES`. Can be called once.

        Raises ResponseTooLarge for more than `max_bytes`, if possible before anything is read. Raises RequestTimedOut,
        and RequestFailed for a body that is shorter than its Content-Length, or whose chunks are cut. A body that has
        neither a length nor chunks ends with the connection. With https, RequestFailed is raised if it must end in
        order and does not; with http, nobody can see that it was cut.
        """
        length = self._response.length
        if length is not None and length > self._max_bytes:
            raise ResponseTooLarge(self.status)
        self._connection.reader.budget = MAX_HEADER_BYTES + MAX_FRAMING_FACTOR * self._max_bytes
        ends_with_connection = length is None and not self._response.chunked
        self._connection.reader.needs_orderly_end = self._needs_orderly_end and ends_with_connection
        total = 0
        # The errors of the consumer, which are raised at `yield`, must not be translated.
        while part := self._read():
            total += len(part)
            if total > self._max_bytes:
                raise ResponseTooLarge(self.status)
            yield part

    def _read(self) -> bytes:
        with translated_errors():
            try:
                part = self._response.read(READ_BYTES)
            except ResponseTooLarge as error:
                raise ResponseTooLarge(self.status) from error
            if not part and self._response.length:
                # http.client reports this only if it reads without a limit.
                raise HTTPException("the body is shorter than its Content-Length")
            return part
