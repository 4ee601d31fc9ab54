"""Limits for the connections of the local HTTP servers, and strict reading of their requests.

A client that sends a request slowly, or only a part of it, must not keep a thread for ever, and must not keep others
from connecting. A request that different HTTP parsers could read differently is rejected: RFC 9112, sections 5 and 11.
"""

from __future__ import annotations

import re
import resource
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from email.message import Message
from http.server import BaseHTTPRequestHandler, HTTPServer
from socketserver import ThreadingMixIn
from typing import Any, BinaryIO, cast

from chalicelib.local.server.http_body import read_body

# Per server. A client can wait for a response on each of them.
MAX_CONNECTIONS = 256
MIN_CONNECTIONS = 8
# File descriptors that the process needs in addition to the connections of both servers.
RESERVED_FILES = 64
WANTED_FILES = 2 * MAX_CONNECTIONS + RESERVED_FILES
# The time in which a client must send a request, and the time in which it must accept a part of the response.
REQUEST_SECONDS = 60.0
PAUSE_SECONDS = 0.05
# How long a further connection waits for a place, and how long another one must have waited for its client to be ended
# before that. A client that sends a complete request needs less.
PLACE_SECONDS = 1.0
MIN_WAIT_SECONDS = 0.1
POLL_SECONDS = 0.01

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_LINE_ENDS = (b"\r\n", b"\n")


def raise_file_limit() -> None:
    """Lets this process open as many files as its connections need, if the system allows it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED_FILES if hard == resource.RLIM_INFINITY else min(WANTED_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def max_connections() -> int:
    """Returns how many connections a server may have, so that two servers leave enough file descriptors."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return MAX_CONNECTIONS
    return max(MIN_CONNECTIONS, min(MAX_CONNECTIONS, (soft - RESERVED_FILES) // 2))


def header_problem(headers: Message) -> str | None:
    """Returns why these headers cannot be accepted, or None.

    Python's parser ends the headers at a line that it does not understand. What follows would be read as the body, or
    as the next request.
    """
    if headers.defects or headers.get_unixfrom() or headers.get_payload():
        return "A header line is malformed"
    for name, value in headers.items():
        if not _TOKEN.fullmatch(name):
            return "A header name is malformed"
        if any(character in value for character in "\r\n\0"):
            return "A header value may not contain line breaks"
    return None


class LimitedServer(ThreadingMixIn, HTTPServer):
    """A server with a thread for each connection, and a limit of connections.

    A new connection beyond the limit ends the one that has waited longest for its client to send a request.
    """

    request_queue_size = 128
    daemon_threads = True
    # Threads of connections that wait for a client must not delay the end of the process.
    block_on_close = False
    seconds: Callable[[], float] = staticmethod(time.monotonic)

    def __init__(self, *arguments: Any, **more: Any) -> None:
        self.max_connections = max_connections()
        self._connections = threading.Lock()
        # Since when each connection has waited for its client; None while its request is processed. Oldest first.
        self._waiting_since: dict[socket.socket, float | None] = {}
        super().__init__(*arguments, **more)

    def start_waiting(self, connection: socket.socket) -> None:
        """Records that a connection waits for its client to send a request. Does nothing if it was ended."""
        with self._connections:
            if connection in self._waiting_since:
                del self._waiting_since[connection]  # so that it becomes the newest entry
                self._waiting_since[connection] = self.seconds()

    def stop_waiting(self, connection: socket.socket) -> None:
        """Records that a connection has received a complete request.

        Raises ConnectionAbortedError if the connection was ended. Its client gets no response, so its request must not
        be processed.
        """
        with self._connections:
            if connection not in self._waiting_since:
                raise ConnectionAbortedError("the connection was ended to make a place for another one")
            self._waiting_since[connection] = None

    def get_request(self) -> Any:
        """Accepts a connection. If no file descriptor is free, ends a waiting connection and raises OSError."""
        try:
            return super().get_request()
        except OSError:
            self._end_oldest()
            time.sleep(PAUSE_SECONDS)  # the selector reports the same connection at once again
            raise

    def process_request(self, request: Any, client_address: Any) -> None:
        """Starts the thread of a connection, when there is a place for it."""
        if not self._make_place():
            return self._reject(request)
        with self._connections:
            self._waiting_since[request] = self.seconds()
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._forget(request)
            raise

    def busy_response(self) -> bytes:
        """Returns the response if every connection processes a request."""
        return b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Handles all requests of a connection."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._forget(request)

    def service_actions(self) -> None:
        """Ends the connections whose clients take too long. Called regularly while the server accepts connections."""
        super().service_actions()
        limit = self.seconds() - REQUEST_SECONDS
        with self._connections:
            overdue = [found for found, since in self._waiting_since.items() if since is not None and since < limit]
        for connection in overdue:
            _end(connection)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Prints the traceback of an error. A client that closes its connection is not an error."""
        if not isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError)):
            super().handle_error(request, client_address)

    def _make_place(self) -> bool:
        """Waits until there is a place for a further connection, and ends a waiting connection if there is none.

        Returns False if all connections still process requests after PLACE_SECONDS.
        """
        deadline = time.monotonic() + PLACE_SECONDS
        while len(self._waiting_since) >= self.max_connections:
            is_last = time.monotonic() >= deadline
            if self._end_oldest(0.0 if is_last else MIN_WAIT_SECONDS):
                return True
            if is_last:
                return False
            time.sleep(POLL_SECONDS)
        return True

    def _reject(self, request: Any) -> None:
        with suppress(OSError):
            request.settimeout(0)
            request.send(self.busy_response())
        self.shutdown_request(request)

    def _end_oldest(self, min_seconds: float = 0.0) -> bool:
        """Ends the connection that has waited longest. Returns False if none has waited for this long."""
        limit = self.seconds() - min_seconds
        with self._connections:
            waiting = ((found, since) for found, since in self._waiting_since.items() if since is not None)
            oldest, since = next(waiting, (None, 0.0))
            if oldest is None or since > limit:
                return False
            del self._waiting_since[oldest]
        _end(oldest)
        return True

    def _forget(self, connection: socket.socket) -> None:
        with self._connections:
            self._waiting_since.pop(connection, None)


def _end(connection: socket.socket) -> None:
    """Wakes the thread of a connection, which finds that the client has left. The thread closes the connection."""
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


class StrictHandler(BaseHTTPRequestHandler):
    """Handles the requests of one connection of a LimitedServer. Rejects malformed and incomplete headers."""

    protocol_version = "HTTP/1.1"
    # Sends headers and body together. Otherwise the body waits for the acknowledgement of the headers.
    wbufsize = -1
    disable_nagle_algorithm = True
    timeout = REQUEST_SECONDS

    def setup(self) -> None:
        """Prepares the connection."""
        super().setup()
        self._lines = _LineReader(cast(BinaryIO, self.rfile))
        self.rfile = cast(Any, self._lines)

    def handle_one_request(self) -> None:
        """Reads a request and responds to it."""
        cast(LimitedServer, self.server).start_waiting(self.connection)
        super().handle_one_request()

    def parse_request(self) -> bool:
        """Reads the request line and the headers. Returns False if the request must not be processed."""
        if not super().parse_request():
            return False
        if self._lines.last_line not in _LINE_ENDS:
            self.close_connection = True  # the client left before the end of the headers
            return False
        if problem := header_problem(self.headers):
            self.send_error(400, problem)
            return False
        return True

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Sends the error for a request that the HTTP server itself rejects."""
        # Without a version, the response would be in HTTP/0.9, without status and headers.
        self.request_version = self.protocol_version
        super().send_error(code, message, explain)

    def read_whole_body(self, limit: int) -> bytes | None:
        """Returns the body of the request, or None. Raises BodyUnreadable, TooLarge or ConnectionAbortedError."""
        body = read_body(self.headers, cast(BinaryIO, self.rfile), limit)
        cast(LimitedServer, self.server).stop_waiting(self.connection)
        return body

    def handle_expect_100(self) -> bool:
        """Sends the response 100 Continue at once."""
        result = bool(super().handle_expect_100())
        self.wfile.flush()
        return result


class _LineReader:
    """A stream that remembers the last line that was read."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.last_line = b""

    def readline(self, limit: int = -1) -> bytes:
        self.last_line = self._stream.readline(limit)
        return self.last_line

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
