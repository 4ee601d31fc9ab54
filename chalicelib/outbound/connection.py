"""A connection to an address that was checked, with a time limit and a limit of bytes."""

from __future__ import annotations

import io
import socket
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from http.client import HTTPException
from ipaddress import IPv4Address
from typing import Any

from chalicelib.outbound.addresses import Address
from chalicelib.outbound.deadline import Deadline
from chalicelib.outbound.errors import ResponseTooLarge
from chalicelib.outbound.urls import CheckedUrl

# Returns a connection to this address and port. Raises OSError after this number of seconds.
Connector = Callable[[Address, int, float], socket.socket]
SEND_BYTES = 65_536


def connect_to(address: Address, port: int, seconds: float) -> socket.socket:
    """Returns a TCP connection to exactly this address. A numeric address is not looked up."""
    family = socket.AF_INET if isinstance(address, IPv4Address) else socket.AF_INET6
    opened = socket.socket(family, socket.SOCK_STREAM)
    try:
        opened.settimeout(seconds)
        opened.connect((str(address), port))
    except OSError:
        opened.close()
        raise
    return opened


def tls_context() -> ssl.SSLContext:
    """Returns a context that accepts only certificates for the name of the host, by authorities of the system."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


class Connection:
    """A connection whose reads and writes all end with one deadline. `reader` reads at most `reader.budget` bytes."""

    def __init__(self, opened: socket.socket, deadline: Deadline, budget: int) -> None:
        self._socket = opened
        self._deadline = deadline
        self.reader = BoundedReader(opened, deadline, budget)
        self._file = _SharedReader(self.reader)

    def send(self, data: bytes) -> None:
        """Sends all bytes."""
        view = memoryview(data)
        while view:
            # `sendall` of a TLS socket would start the time limit again after each part.
            self._socket.settimeout(self._deadline.remaining())
            view = view[self._socket.send(view[:SEND_BYTES]) :]

    def makefile(self, *args: Any, **kwargs: Any) -> Any:
        """Returns the file from which `http.client` reads a response. It is the same for several responses."""
        return self._file

    def close(self) -> None:
        """Closes the connection."""
        with suppress(OSError):
            self._socket.close()


class _SharedReader(io.BufferedReader):
    """A file that `http.client` does not close with an interim response, because the next one follows in it."""

    def close(self) -> None:
        pass


class BoundedReader(io.RawIOBase):
    """Reads from a socket, and raises RequestTimedOut after a deadline and ResponseTooLarge after `budget` bytes.

    If `needs_orderly_end` is set, a TLS connection that ends without `close_notify` raises HTTPException: anyone on the
    way can cut it, and only this message shows that the other side has sent everything.
    """

    def __init__(self, opened: socket.socket, deadline: Deadline, budget: int) -> None:
        self._socket = opened
        self.deadline = deadline
        self.budget = budget
        self.needs_orderly_end = False

    def readable(self) -> bool:
        """Returns true, as `io.BufferedReader` requires."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Reads into a buffer, and returns the number of bytes; 0 at the end."""
        if self.budget <= 0:
            raise ResponseTooLarge()
        # The time limit of a socket is for one call, so a host that sends a byte from time to time would never exceed
        # it.
        self._socket.settimeout(self.deadline.remaining())
        began = self.deadline.now()
        try:
            count = self._socket.recv_into(memoryview(buffer)[: self.budget])
        except ssl.SSLEOFError as error:
            if self.needs_orderly_end:
                raise HTTPException("the connection was cut") from error
            return 0
        self.deadline.waited(self.deadline.now() - began, count)
        self.budget -= count
        return count


def open_connection(
    url: CheckedUrl,
    addresses: Sequence[Address],
    deadline: Deadline,
    *,
    connect: Connector,
    tls: Callable[[], ssl.SSLContext],
    budget: int,
    connect_seconds: float,
) -> Connection:
    """Returns a connection to the first address that accepts one, with TLS for https, within `connect_seconds`.

    Raises OSError, RequestTimedOut.
    """
    connecting = deadline.at_most(connect_seconds)
    opened = _first_connected(addresses, url.port, connecting, connect)
    try:
        # Otherwise the system may hold back the last packet of a request for the confirmation of the one before.
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if url.scheme == "https":
            opened.settimeout(connecting.remaining())
            opened = tls().wrap_socket(opened, server_hostname=url.host, suppress_ragged_eofs=False)
    except BaseException:
        opened.close()
        raise
    return Connection(opened, deadline, budget)


def _first_connected(addresses: Sequence[Address], port: int, deadline: Deadline, connect: Connector) -> socket.socket:
    *others, last = addresses
    for position, address in enumerate(others):
        # An address that does not answer must leave time for the others.
        seconds = deadline.remaining() / (len(addresses) - position)
        with suppress(OSError):
            return connect(address, port, seconds)
    return connect(last, port, deadline.remaining())
