"""Every request ends: after its time limit, or after a number of bytes."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable

import pytest

from chalicelib.core.deadline import time_limit
from chalicelib.outbound.client import GuardedClient
from chalicelib.outbound.errors import RequestTimedOut, ResponseTooLarge
from chalicelib.outbound.messages import MAX_HEADER_BYTES
from tests.outbound.network import OK, PUBLIC, Network, receiving

TIMEOUT = 0.1
HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


def dripping(start: bytes, drop: bytes) -> Callable[[socket.socket], None]:
    """Returns a reply that goes on until the client closes the connection."""

    def reply(accepted: socket.socket) -> None:
        accepted.sendall(start)
        while True:
            accepted.sendall(drop)
            time.sleep(0.01)

    return reply


def flooding(start: bytes, part: bytes) -> Callable[[socket.socket], None]:
    """Returns a reply that sends without a pause until the client closes the connection."""

    def reply(accepted: socket.socket) -> None:
        accepted.sendall(start)
        while True:
            accepted.sendall(part)

    return reply


def silent(accepted: socket.socket) -> None:
    accepted.recv(1)


@pytest.mark.parametrize(
    "reply",
    [
        silent,
        dripping(b"", b"H"),
        dripping(HEAD, b"a"),
        dripping(HEAD + b"Content-Length: 60000\r\n\r\n", b"a"),
        dripping(HEAD + b"\r\n", b"a"),
        dripping(CHUNKED, b"1\r\na\r\n"),
        dripping(CHUNKED + b"0\r\n", b"Trailer: a\r\n"),
        dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
)
def test_a_slow_response_is_cut(reply: Callable[[socket.socket], None]) -> None:
    with receiving(reply) as receiver:
        began = time.monotonic()
        with pytest.raises(RequestTimedOut):
            Network(receiver).client().request("GET", "http://example.com/", timeout_seconds=TIMEOUT)
        assert time.monotonic() - began < 2


def test_a_receiver_that_does_not_read_the_request_is_cut() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = GuardedClient(allow_private=True)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        with pytest.raises(RequestTimedOut):
            client.request("POST", url, body=b"x" * 20_000_000, timeout_seconds=TIMEOUT)


def test_a_slow_lookup_is_cut() -> None:
    answered = threading.Event()

    def resolve(host: str) -> list[str]:
        answered.wait(5)
        return [PUBLIC]

    with pytest.raises(RequestTimedOut):
        GuardedClient(resolve=resolve, connect=Network().connect).request(
            "GET", "http://example.com/", timeout_seconds=0.05
        )
    answered.set()


def test_a_slow_handshake_is_cut() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"https://127.0.0.1:{listener.getsockname()[1]}/"
        with pytest.raises(RequestTimedOut):
            GuardedClient(allow_private=True).request("GET", url, timeout_seconds=TIMEOUT)


def test_a_connection_that_times_out_is_a_timeout() -> None:
    def connect(address: object, port: int, seconds: float) -> socket.socket:
        raise TimeoutError("timed out")

    with pytest.raises(RequestTimedOut):
        GuardedClient(resolve=lambda host: [PUBLIC], connect=connect).request("GET", "http://example.com/")


def test_the_limit_is_for_all_redirects_together() -> None:
    now = 0.0

    def resolve(host: str) -> list[str]:
        nonlocal now
        now += 4
        return [PUBLIC]

    location = b"HTTP/1.1 307 x\r\nLocation: /\r\nContent-Length: 0\r\n\r\n"
    with receiving(*[location] * 4) as receiver:
        client = GuardedClient(resolve=resolve, connect=Network(receiver).connect, clock=lambda: now)
        with pytest.raises(RequestTimedOut):
            client.request("GET", "http://example.com/", timeout_seconds=10)
    assert now == 12


def test_a_request_does_not_outlast_the_limit_of_the_api_request() -> None:
    with receiving(silent) as receiver, time_limit(0.05), pytest.raises(RequestTimedOut):
        Network(receiver).client().request("GET", "http://example.com/", timeout_seconds=60)


@pytest.mark.parametrize(
    "reply",
    [
        HEAD + b"Content-Length: 11\r\n\r\n" + b"a" * 11,
        HEAD + b"Content-Length: 1000000000000\r\n\r\n",
        HEAD + b"\r\n" + b"a" * 11,
        flooding(HEAD + b"\r\n", b"a" * 1000),
        CHUNKED + b"b\r\naaaaaaaaaaa\r\n0\r\n\r\n",
        flooding(CHUNKED, b"1\r\na\r\n"),
        flooding(CHUNKED + b"0\r\n", b"Trailer: a\r\n" * 100),
        flooding(CHUNKED + b"-1\r\n", b"a" * 1000),
    ],
)
def test_a_large_body_is_refused(reply: bytes | Callable[[socket.socket], None]) -> None:
    with receiving(reply) as receiver, pytest.raises(ResponseTooLarge) as raised:
        Network(receiver).client().request("GET", "http://example.com/", max_response_bytes=10)
    assert raised.value.status == 200


@pytest.mark.parametrize("reply", [HEAD + b"Content-Length: 10\r\n\r\n" + b"a" * 10, HEAD + b"\r\n" + b"a" * 10])
def test_a_body_of_the_largest_size_is_read(reply: bytes) -> None:
    with receiving(reply) as receiver:
        response = Network(receiver).client().request("GET", "http://example.com/", max_response_bytes=10)
    assert response.body == b"a" * 10


def test_many_small_chunks_of_an_allowed_size_are_read() -> None:
    with receiving(CHUNKED + b"1\r\na\r\n" * 20_000 + b"0\r\n\r\n") as receiver:
        response = Network(receiver).client().request("GET", "http://example.com/", max_response_bytes=20_000)
    assert len(response.body) == 20_000


@pytest.mark.parametrize(
    "reply",
    [
        flooding(HEAD, b"Name: " + b"a" * 60_000 + b"\r\n"),
        flooding(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100),
    ],
)
def test_large_headers_are_refused(reply: Callable[[socket.socket], None]) -> None:
    with receiving(reply) as receiver, pytest.raises(ResponseTooLarge) as raised:
        Network(receiver).client().request("GET", "http://example.com/")
    assert raised.value.status is None


def test_headers_of_the_largest_size_are_read() -> None:
    empty = HEAD + b"Content-Length: 2\r\nA: \r\nB: \r\n\r\n"
    fill = MAX_HEADER_BYTES - len(empty)
    reply = empty.replace(b"A: ", b"A: " + b"a" * (fill // 2)).replace(b"B: ", b"B: " + b"b" * (fill - fill // 2))
    assert len(reply) == MAX_HEADER_BYTES
    with receiving(reply + b"ok") as receiver:
        assert Network(receiver).client().request("GET", "http://example.com/").body == b"ok"


def test_a_redirect_with_a_large_body_is_followed() -> None:
    large = b"HTTP/1.1 307 x\r\nLocation: /\r\nContent-Length: 1000000\r\n\r\n"
    with receiving(large, OK) as receiver:
        assert Network(receiver).client().request("GET", "http://example.com/").body == b"ok"
