"""The local servers survive clients that send malformed requests, slow ones, or too many."""

from __future__ import annotations

import http.client
import json
import re
import resource
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import Any, cast

import pytest
from chalice.config import Config
from chalice.local import LocalDevServer

from chalicelib.local.engine import Engine
from chalicelib.local.server import connections
from chalicelib.local.server.aws_endpoint import AwsEndpoint
from chalicelib.local.server.connections import LimitedServer
from chalicelib.local.server.gateway import Handler, Server
from tests.local.server.conftest import Run
from tests.local.server.test_gateway import SECONDS, application
from tests.support.running import wait_until

Address = tuple[str, int]


class Clock:
    """A clock that a test can advance."""

    offset = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.offset


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def api(clock: Clock) -> Iterator[LimitedServer]:
    """An API server with 8 connections."""
    served = LocalDevServer(application(), Config(), "127.0.0.1", 0, handler_cls=Handler, server_cls=Server)
    server = cast(LimitedServer, served.server)
    server.max_connections = 8
    server.seconds = clock
    thread = threading.Thread(target=lambda: server.serve_forever(0.02))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def aws(engine: Engine, clock: Clock) -> Iterator[LimitedServer]:
    """An AWS endpoint with 8 connections."""
    endpoint = AwsEndpoint(engine.backends, 0, engine.credential, poll_seconds=0.01)
    endpoint._server.max_connections = 8
    endpoint._server.seconds = clock
    yield endpoint._server
    endpoint.close()


@pytest.fixture(params=["api", "aws"])
def server(request: pytest.FixtureRequest) -> LimitedServer:
    return cast(LimitedServer, request.getfixturevalue(request.param))


def connect(server: LimitedServer) -> socket.socket:
    return socket.create_connection(cast(Address, server.server_address), timeout=SECONDS)


def raw(server: LimitedServer, text: bytes, *, end: bool = False) -> bytes:
    """Sends these bytes and returns everything that the server sends until it closes the connection."""
    with connect(server) as client:
        client.sendall(text)
        if end:
            client.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: client.recv(65536), b""))


def statuses_in(responses: bytes) -> list[int]:
    """Returns the statuses of all responses in these bytes."""
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", responses)]


def status_of(server: LimitedServer) -> int:
    """Returns the status of a correct request."""
    with closing(http.client.HTTPConnection(*cast(Address, server.server_address), timeout=SECONDS)) as connection:
        connection.request("GET", "/echo")
        return connection.getresponse().status


WORKS = (200, 403)  # the API's response, and that of the AWS endpoint to a request without a signature
SECOND = b"GET /echo?second HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
MALFORMED = [
    b"Content-Length : %d" % len(SECOND),
    b"Content-Length\t: %d" % len(SECOND),
    b"no colon",
    b" leading space: 1",
    b": no name",
    b"From a mailbox",
    b"Folded: 1\r\n continued",
    b"Name with space: 1",
    b"Null: a\0b",
    b"Return: a\rb",
    "Größe: 1".encode(),
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
    b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
    b"Transfer-Encoding: chunked\r\nContent-Length: %d" % len(SECOND),
    b"Content-Length: 1\r\nContent-Length: %d" % len(SECOND),
]


@pytest.mark.parametrize("line", MALFORMED)
@pytest.mark.parametrize("position", ["first", "last"])
def test_a_malformed_header_is_rejected_and_its_body_is_not_a_request(
    api: LimitedServer, line: bytes, position: str
) -> None:
    lines = [line, b"Host: x"] if position == "first" else [b"Host: x", line]
    response = raw(api, b"POST /echo HTTP/1.1\r\n" + b"\r\n".join(lines) + b"\r\n\r\n" + SECOND)
    assert statuses_in(response) == [400]


@pytest.mark.parametrize("line", MALFORMED)
def test_the_aws_endpoint_rejects_a_malformed_header(aws: LimitedServer, line: bytes) -> None:
    response = raw(aws, b"POST / HTTP/1.1\r\n" + line + b"\r\nHost: x\r\n\r\n" + SECOND)
    assert statuses_in(response) in ([400], [403])


PARTS = [
    b"",
    b"GE",
    b"GET /echo HTTP/1.1\r\n",
    b"GET /echo HTTP/1.1\r\nHost: x\r\nA: b",
    b"GET /echo HTTP/1.1\r\nHost: x\r\n",
]


@pytest.mark.parametrize("part", PARTS)
def test_a_request_without_the_end_of_its_headers_is_not_processed(server: LimitedServer, part: bytes) -> None:
    assert raw(server, part, end=True).partition(b" ")[2][:3] in (b"", b"400")


@pytest.mark.parametrize("part", [*PARTS, b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc"])
def test_a_client_that_leaves_early_causes_no_traceback(
    server: LimitedServer, part: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    for _ in range(10):
        client = connect(server)
        client.sendall(part)
        # The connection is reset, and not closed.
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.close()
    wait_until(lambda: not server._waiting_since)
    assert status_of(server) in WORKS
    assert capfd.readouterr().err == ""


def test_half_sent_requests_do_not_keep_others_from_connecting(server: LimitedServer) -> None:
    before = threading.active_count()
    with ExitStack() as stack:
        for number in range(100):
            client = stack.enter_context(connect(server))
            client.sendall(PARTS[number % len(PARTS)])
            if number % 25 == 0:
                assert status_of(server) in WORKS
        assert status_of(server) in WORKS
        wait_until(lambda: threading.active_count() - before <= 2 * server.max_connections)
        assert len(server._waiting_since) <= server.max_connections


def is_open(connection: socket.socket) -> bool:
    """Returns whether the server has not closed the connection."""
    connection.settimeout(0.05)
    try:
        return connection.recv(100) != b""
    except TimeoutError:
        return True


def test_a_connection_whose_client_sends_too_slowly_is_ended(server: LimitedServer, clock: Clock) -> None:
    with connect(server) as slow:
        slow.sendall(b"GET /echo HTTP/1.1\r\nHost: ")
        assert is_open(slow)

        def is_ended() -> bool:
            clock.offset += connections.REQUEST_SECONDS + 1
            return not is_open(slow)

        wait_until(is_ended)
    assert status_of(server) in WORKS


def test_a_connection_more_is_rejected_if_all_process_requests(api: LimitedServer) -> None:
    busy: list[Any] = [object() for _ in range(api.max_connections)]
    api._waiting_since.update(dict.fromkeys(busy))
    with connect(api) as client:
        response = b"".join(iter(lambda: client.recv(65536), b""))
    assert response.startswith(b"HTTP/1.1 503 ")
    assert json.loads(response.partition(b"\r\n\r\n")[2])["success"] is False
    for connection in busy:
        api._forget(connection)
    assert status_of(api) == 200


def test_a_request_on_a_connection_that_was_ended_is_not_processed(api: LimitedServer) -> None:
    connection: Any = object()
    api._waiting_since[connection] = 0.0
    api.start_waiting(connection)
    api.stop_waiting(connection)
    api._forget(connection)
    api.start_waiting(connection)
    with pytest.raises(ConnectionAbortedError):
        api.stop_waiting(connection)
    assert not api._waiting_since


def limits_with(files: int) -> list[int]:
    """Returns the limit of files and of connections of a process that may open this many files."""
    code = f"""
import resource
from chalicelib.local.server import connections
resource.setrlimit(resource.RLIMIT_NOFILE, ({files}, {files}))
connections.raise_file_limit()
print(resource.getrlimit(resource.RLIMIT_NOFILE)[0], connections.max_connections())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    return [int(number) for number in done.stdout.split()]


def test_connections_leave_enough_file_descriptors() -> None:
    assert limits_with(70) == [70, connections.MIN_CONNECTIONS]
    assert limits_with(264) == [264, 100]


def test_a_server_with_few_file_descriptors_creates_or_asks_to_retry(run: Run, port: int) -> None:
    limited = "import resource, runpy; resource.setrlimit(resource.RLIMIT_NOFILE, (70, 70)); "
    program = [sys.executable, "-c", limited + "runpy.run_module('chalicelib.local', run_name='__main__')"]
    server = run("--no-autoreload", program=program).ready()
    schema = {"properties": {"note": {"type": "text"}}}
    assert server.call("POST", "/v1/buckets", {"bucket_name": "films", "bucket_schema": schema})[0] == 200
    body = {"blobs": [{"property": "note", "type": "text", "data": "x"}]}
    statuses: set[int] = set()
    with ExitStack() as stack:
        for _ in range(70):
            half_sent = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=SECONDS))
            half_sent.sendall(PARTS[-1])
            statuses.add(server.call("POST", "/v1/buckets/films/objects", body)[0])
    assert statuses <= {200, 503}


def test_the_limit_of_files_is_raised_if_the_system_allows_it() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < connections.WANTED_FILES:
        pytest.skip("the system does not allow enough files")
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 256), hard))
        connections.raise_file_limit()
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == connections.WANTED_FILES
        assert connections.max_connections() == connections.MAX_CONNECTIONS
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
