"""A body that is read in parts: its limits of bytes and of time, and its errors."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

import pytest

from chalicelib.outbound.errors import OutboundError, RequestFailed, RequestTimedOut, ResponseTooLarge
from chalicelib.outbound.streams import READ_BYTES
from tests.outbound.network import Network, Receiver, Reply, receiving, redirect
from tests.outbound.test_limits import CHUNKED, HEAD, dripping, flooding, silent

URL = "http://example.com/film.mp4"
TIMEOUT = 0.2
LARGE = 3 * READ_BYTES + 17


def read(*replies: Reply, max_bytes: int = LARGE, timeout_seconds: float = 5) -> list[bytes]:
    """Reads the response to a GET, and returns its parts."""
    with receiving(*replies) as receiver:
        client = Network(receiver).client()
        with client.stream(URL, timeout_seconds=timeout_seconds, max_bytes=max_bytes) as response:
            assert response.status == 200
            return list(response.chunks())


@pytest.mark.parametrize(
    "head",
    [HEAD + b"Content-Length: %d\r\n\r\n" % LARGE, HEAD + b"\r\n", CHUNKED + b"%x\r\n" % LARGE],
    ids=["length", "until the end", "chunked"],
)
def test_a_body_is_read_in_parts(head: bytes) -> None:
    tail = b"\r\n0\r\n\r\n" if b"chunked" in head else b""
    parts = read(head + b"a" * LARGE + tail)
    assert b"".join(parts) == b"a" * LARGE
    assert max(map(len, parts)) <= READ_BYTES


def test_a_redirect_is_followed_to_the_body() -> None:
    assert read(redirect("/other", 302), HEAD + b"Content-Length: 2\r\n\r\nok") == [b"ok"]


@pytest.mark.parametrize("status", [200, 404, 503])
def test_the_status_and_the_headers_are_known_before_the_body(status: int) -> None:
    with (
        receiving(b"HTTP/1.1 %d x\r\nContent-Type: image/png\r\n\r\n" % status) as receiver,
        Network(receiver).client().stream(URL, timeout_seconds=5, max_bytes=1) as response,
    ):
        assert (response.status, response.headers) == (status, {"content-type": "image/png"})


@pytest.mark.parametrize(
    "reply",
    [
        HEAD + b"Content-Length: 11\r\n\r\n" + b"a" * 11,
        HEAD + b"Content-Length: 1000000000000\r\n\r\n",
        flooding(HEAD + b"\r\n", b"a" * 1000),
        flooding(CHUNKED, b"1\r\na\r\n"),
        flooding(CHUNKED + b"0\r\n", b"Trailer: a\r\n" * 100),
    ],
)
def test_a_body_that_is_too_large_is_not_read_to_its_end(reply: Reply) -> None:
    with pytest.raises(ResponseTooLarge):
        read(reply, max_bytes=10)


@pytest.mark.parametrize(
    "reply",
    [
        silent,
        dripping(HEAD + b"Content-Length: 60000\r\n\r\n", b"a"),
        dripping(HEAD + b"\r\n", b"a"),
        dripping(CHUNKED, b"1\r\na\r\n"),
    ],
)
def test_a_slow_body_is_cut(reply: Callable[[socket.socket], None]) -> None:
    began = time.monotonic()
    with pytest.raises(RequestTimedOut):
        read(reply, timeout_seconds=TIMEOUT)
    assert time.monotonic() - began < 2


@pytest.mark.parametrize(
    "reply",
    [HEAD + b"Content-Length: 10\r\n\r\nshort", CHUNKED + b"5\r\nab", CHUNKED + b"5\r\nabcde\r\n", HEAD[:10]],
)
def test_a_body_that_was_cut_is_an_error(reply: Reply) -> None:
    with pytest.raises(RequestFailed) as raised:
        read(reply)
    assert raised.value.reason == "invalid_response"


@pytest.mark.parametrize("error", [ValueError("x"), OSError("x"), TimeoutError("x")])
def test_an_error_of_the_reader_is_not_taken_for_one_of_the_host(error: Exception) -> None:
    def fail(receiver: Receiver) -> None:
        with Network(receiver).client().stream(URL, timeout_seconds=5, max_bytes=9) as response:
            for _ in response.chunks():
                raise error

    with receiving(HEAD + b"Content-Length: 2\r\n\r\nok") as receiver, pytest.raises(type(error)) as raised:
        fail(receiver)
    assert not isinstance(raised.value, OutboundError)


def test_the_connections_are_closed() -> None:
    opened: list[socket.socket] = []
    with receiving(redirect("/other"), HEAD + b"\r\n") as receiver:
        network = Network(receiver)
        connect = network.connect

        def recorded(*given: object) -> socket.socket:
            opened.append(connect(*given))  # type: ignore[arg-type]
            return opened[-1]

        network.connect = recorded  # type: ignore[method-assign,assignment]
        with network.client().stream(URL, timeout_seconds=5, max_bytes=9):
            pass
    assert len(opened) == 2
    assert all(each.fileno() == -1 for each in opened)
