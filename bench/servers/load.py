"""Sends requests to a server with several clients at the same time."""

from __future__ import annotations

import http.client
import itertools
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

TIMEOUT_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Request:
    """A request with a JSON body, or without one."""

    method: str
    path: str
    body: dict[str, Any] | None = None


class Client:
    """One connection to a server on this machine, which stays open."""

    def __init__(self, port: int, headers: dict[str, str]) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
        self._headers = {"Content-Type": "application/json", **headers}

    def send(self, request: Request) -> Any:
        """Returns the JSON of the response. Raises RuntimeError with an unsuccessful response."""
        body = json.dumps(request.body) if request.body is not None else None
        self._connection.request(request.method, request.path, body, self._headers)
        response = self._connection.getresponse()
        content = response.read()
        if response.status >= 300:
            raise RuntimeError(f"{request.method} {request.path}: {response.status} {content.decode()[:500]}")
        return json.loads(content)

    def close(self) -> None:
        """Closes the connection."""
        self._connection.close()


def send_all(clients: list[Client], requests: Iterator[Request]) -> list[Any]:
    """Sends the requests with all clients at the same time. Returns the responses, in any order."""
    lock, responses = threading.Lock(), []

    def work(client: Client) -> None:
        while True:
            with lock:
                request = next(requests, None)
            if request is None:
                return
            responses.append(client.send(request))

    _in_parallel(work, clients)
    return responses


def rate(clients: list[Client], new_request: Callable[[int], Request], seconds: float) -> float:
    """Returns how many requests a second are answered, if each client sends its next request after a response."""
    numbers, done = itertools.count(), itertools.count()
    start = time.perf_counter()

    def work(client: Client) -> None:
        while time.perf_counter() < start + seconds:
            client.send(new_request(next(numbers)))
            next(done)

    _in_parallel(work, clients)
    return next(done) / (time.perf_counter() - start)


def _in_parallel(work: Callable[[Client], None], clients: list[Client]) -> None:
    with ThreadPoolExecutor(len(clients)) as pool:
        list(pool.map(work, clients))
