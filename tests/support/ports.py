"""Ports for the servers of tests."""

from __future__ import annotations

import random
import socket


def free_port() -> int:
    """Returns a TCP port that no process listens on at the moment."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def listens(port: int) -> bool:
    """Returns whether a process listens on this local port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_pair() -> int:
    """Returns N so that no process listens on the ports N and N+1, which the local server uses.

    Both are below the ephemeral ports of common systems, so that no connection takes one of them in the meantime.
    """
    numbers = iter(lambda: random.randrange(20000, 30000, 2), None)
    return next(number for number in numbers if not listens(number) and not listens(number + 1))
