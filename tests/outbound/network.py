"""A network for tests: a resolver with chosen answers, and a server on this machine that stands for every address."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from typing import Any

from chalicelib.outbound.addresses import Address
from chalicelib.outbound.client import GuardedClient
from chalicelib.outbound.connection import connect_to

PUBLIC = "93.184.216.34"
OTHER_PUBLIC = "2606:2800:220:1:248:1893:25c8:1946"
LOOPBACK = IPv4Address("127.0.0.1")

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
# The bytes of a response, or a function that writes to the connection.
Reply = bytes | Callable[[socket.socket], None]


def redirect(location: str, status: int = 307) -> bytes:
    return f"HTTP/1.1 {status} Moved\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()


@dataclass
class Receiver:
    """A server that gives its replies to one connection after the other. `requests` has what it received."""

    port: int
    requests: list[bytes] = field(default_factory=list)
    server_names: list[str] = field(default_factory=list)


def receiving(*replies: Reply, tls: ssl.SSLContext | None = None) -> AbstractContextManager[Receiver]:
    """Runs a receiver until the block ends."""
    return serving(replies, tls=tls)


@contextmanager
def serving(replies: Iterable[Reply], *, tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """Runs a receiver until the block ends. Each reply is taken before its connection is made."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        receiver = Receiver(listener.getsockname()[1])
        thread = threading.Thread(target=_serve, args=(listener, receiver, replies, tls))
        thread.start()
        try:
            yield receiver
        finally:
            # Ends the `accept` of the thread.
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def _serve(listener: socket.socket, receiver: Receiver, replies: Iterable[Reply], tls: ssl.SSLContext | None) -> None:
    with suppress(OSError):
        for reply in replies:
            accepted, _ = listener.accept()
            with accepted, suppress(OSError):
                _answer(tls.wrap_socket(accepted, server_side=True) if tls else accepted, receiver, reply)


def _answer(accepted: socket.socket, receiver: Receiver, reply: Reply) -> None:
    with accepted:
        accepted.settimeout(5)
        receiver.requests.append(_read_request(accepted))
        if callable(reply):
            reply(accepted)
        else:
            accepted.sendall(reply)


def _read_request(accepted: socket.socket) -> bytes:
    with accepted.makefile("rb") as file:
        head = b""
        length = 0
        while line := file.readline():
            head += line
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
            if line == b"\r\n":
                break
        return head + file.read(length)


class Network:
    """A resolver and a connector. Every name has public addresses, and every connection leads to the receiver."""

    def __init__(self, receiver: Receiver | None = None, answers: Sequence[Sequence[str]] = ([PUBLIC],)) -> None:
        self._receiver = receiver
        self._answers = answers
        self.lookups: list[str] = []
        self.connections: list[tuple[str, int]] = []

    def resolve(self, host: str) -> Sequence[str]:
        """Returns the next answer; the last one is repeated."""
        self.lookups.append(host)
        return self._answers[min(len(self.lookups), len(self._answers)) - 1]

    def connect(self, address: Address, port: int, seconds: float) -> socket.socket:
        self.connections.append((str(address), port))
        if self._receiver is None:
            raise AssertionError(f"a connection to {address}")
        return connect_to(LOOPBACK, self._receiver.port, seconds)

    def client(self, **options: Any) -> GuardedClient:
        """Returns a client that uses this network."""
        return GuardedClient(resolve=self.resolve, connect=self.connect, **options)
