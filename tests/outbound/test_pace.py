"""A stream may take minutes, but a host that sends nothing, or little, is left after seconds."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

import pytest

from chalicelib.outbound import client
from chalicelib.outbound.deadline import Deadline, Pace
from chalicelib.outbound.errors import RequestTimedOut
from tests.outbound.network import PUBLIC, Network, receiving
from tests.outbound.test_limits import HEAD, dripping, silent

URL = "http://example.com/film.mp4"
BODY = HEAD + b"Content-Length: 1000\r\n\r\n"


def read(reply: Callable[[socket.socket], None]) -> None:
    with receiving(reply) as receiver:
        opened = Network(receiver).client().stream(URL, timeout_seconds=60, max_bytes=1000)
        with opened as response:
            list(response.chunks())


def stalling(accepted: socket.socket) -> None:
    accepted.sendall(BODY)
    accepted.recv(1)


@pytest.mark.parametrize(
    ("limit", "reply"),
    [
        ("HEAD_SECONDS", silent),
        ("HEAD_SECONDS", dripping(HEAD, b"a")),
        ("PACE_SECONDS", dripping(BODY, b"a")),
        ("PACE_SECONDS", stalling),
    ],
)
def test_a_slow_host_is_left(
    limit: str, reply: Callable[[socket.socket], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, limit, 0.1)
    began = time.monotonic()
    with pytest.raises(RequestTimedOut):
        read(reply)
    assert time.monotonic() - began < 5


def test_the_connection_has_its_own_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[float] = []

    def connect(address: object, port: int, seconds: float) -> socket.socket:
        found.append(seconds)
        raise TimeoutError

    monkeypatch.setattr(client, "HEAD_SECONDS", 500.0)
    guarded = client.GuardedClient(resolve=lambda _: [PUBLIC], connect=connect)
    with pytest.raises(RequestTimedOut):
        guarded.stream(URL, timeout_seconds=600, max_bytes=1)
    assert 9 < found[0] <= client.CONNECT_SECONDS


def test_the_pace_counts_the_time_of_reads_only() -> None:
    now = [0.0]
    pace = Pace(Deadline(lambda: now[0], 600.0), 100, 30.0)
    now[0] += 200  # the receiver stores what it has
    assert pace.remaining() == 30.0
    pace.waited(20.0, 99)
    assert pace.remaining() == 10.0
    pace.waited(5.0, 1)
    assert pace.remaining() == 30.0
    pace.waited(30.0, 99)
    with pytest.raises(RequestTimedOut):
        pace.remaining()


def test_the_pace_does_not_extend_the_whole_time() -> None:
    now = [0.0]
    pace = Pace(Deadline(lambda: now[0], 600.0), 100, 30.0)
    now[0] = 590.0
    assert pace.remaining() == 10.0
    now[0] = 600.0
    with pytest.raises(RequestTimedOut):
        pace.remaining()
