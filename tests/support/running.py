"""A server in a process of its own, and what a client may ask of it."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

SCHEMA = {"properties": {"title": {"type": "string"}}}
TIMEOUT_SECONDS = 60.0
POLL = 0.02
EXPORT = re.compile(r"^export (\w+)=(\S+)$", re.MULTILINE)


def wait_until(what: Callable[[], Any], seconds: float = TIMEOUT_SECONDS) -> Any:
    """The first true answer of this question."""
    deadline = time.monotonic() + seconds
    while not (answer := what()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(POLL)
    return answer


def listens(port: int) -> bool:
    """Whether anybody does, on this port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class ServerProcess:
    """A server, and what it says."""

    def __init__(self, words: list[str], project: Path, port: int, **environ: str) -> None:
        self.port = port
        self._output = project / f"output-{time.monotonic_ns()}"
        clean = {name: value for name, value in os.environ.items() if not name.startswith("BUCKETS_")}
        with self._output.open("w") as output:
            self.process = subprocess.Popen(
                words,
                cwd=project,
                env={**clean, "BUCKETS_ENGINE": "embedded", "AWS_PROFILE": "nobody-has-this-one", **environ},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                # A shell that starts the tests in the background has what they start ignore it.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
            )

    def output_text(self) -> str:
        """Everything so far."""
        return self._output.read_text()

    def start_count(self) -> int:
        """How many times it said that it is ready."""
        return self.output_text().count("export MIXPEEK_API_KEY=")

    def ready(self, start_count: int = 1) -> ServerProcess:
        """Waits until it has said so, this many times, and answers."""
        wait_until(lambda: self.start_count() >= start_count or self.process.poll() is not None)
        assert self.process.poll() is None, self.output_text()
        wait_until(lambda: listens(self.port))
        return self

    def exports(self) -> dict[str, str]:
        """What it offered to paste."""
        return dict(EXPORT.findall(self.output_text()))

    def call(self, method: str, path: str, body: Any = None, *, key: str | None = None) -> tuple[int, Any]:
        """An API call with the namespace that it offered, and the key, unless another is given."""
        exports = self.exports()
        headers = {
            "Authorization": f"Bearer {key or exports['MIXPEEK_API_KEY']}",
            "X-Namespace": exports["MIXPEEK_NAMESPACE"],
            "Content-Type": "application/json",
        }
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_SECONDS)) as connection:
            connection.request(method, path, json.dumps(body) if body is not None else None, headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())

    def create(self, name: str) -> None:
        """Creates a bucket."""
        status, answer = self.call("POST", "/v1/buckets", {"bucket_name": name, "bucket_schema": SCHEMA})
        assert status == 200, answer

    def has(self, name: str) -> bool:
        """Whether there is a bucket of this name."""
        return self.call("GET", f"/v1/buckets/{name}")[0] == 200

    def add(self, bucket: str, title: str) -> str:
        """Creates an object, and gives its id."""
        status, answer = self.call("POST", f"/v1/buckets/{bucket}/objects", {"title": title})
        assert status == 200, answer
        return str(answer["object_id"])

    def counts(self, bucket: str) -> tuple[int, int]:
        """How many objects the statistics of the bucket and of the namespace show."""
        shown = [self.call("GET", path)[1] for path in (f"/v1/buckets/{bucket}", "/v1/namespaces/default")]
        return shown[0]["object_count"], shown[1]["object_count"]

    def objects(self, bucket: str) -> int:
        """How many objects a list of the bucket gives."""
        status, answer = self.call("POST", f"/v1/buckets/{bucket}/objects/list", {"limit": 1000})
        assert status == 200, answer
        return len(answer["results"])

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal to all its processes, as a terminal does."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, number)

    def wait_for_exit(self) -> int:
        """Waits for its end, and gives its exit code."""
        code = self.process.wait(TIMEOUT_SECONDS)
        wait_until(lambda: not listens(self.port) and not listens(self.port + 1))
        return code
