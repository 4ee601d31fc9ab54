"""Starts a server in a separate process and calls its API."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.support.ports import listens

SCHEMA = {"properties": {"title": {"type": "string"}}}
TIMEOUT_SECONDS = 60.0
POLL_SECONDS = 0.02
EXPORT = re.compile(r"^export (\w+)=(\S+)$", re.MULTILINE)


def wait_until(condition: Callable[[], Any], seconds: float = TIMEOUT_SECONDS) -> Any:
    """Calls `condition` repeatedly and returns its first true result. Fails after this many seconds."""
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < deadline, "the condition is still false after the time limit"
        time.sleep(POLL_SECONDS)
    return result


class ServerProcess:
    """A server process, its output and its API."""

    def __init__(
        self, command: list[str], project: Path, port: int, *, terminal: int | None = None, **environ: str
    ) -> None:
        self.port = port
        self._output = project / f"output-{time.monotonic_ns()}"
        environment = {name: value for name, value in os.environ.items() if not name.startswith("BUCKETS_")}
        with self._output.open("w") as output:
            self.process = subprocess.Popen(
                command,
                cwd=project,
                env={**environment, "BUCKETS_ENGINE": "embedded", "AWS_PROFILE": "unknown-profile", **environ},
                stdin=terminal,
                stdout=output if terminal is None else terminal,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                # A shell that runs the tests in the background makes their child processes ignore SIGINT.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
            )

    def output_text(self) -> str:
        """Returns the output so far."""
        return self._output.read_text()

    def start_count(self) -> int:
        """Returns how many times the server has printed that it is ready."""
        return self.output_text().count("export MIXPEEK_API_KEY=")

    def ready(self, start_count: int = 1) -> ServerProcess:
        """Waits until the server has printed this many times that it is ready, and listens on its port."""
        wait_until(lambda: self.start_count() >= start_count or self.process.poll() is not None)
        assert self.process.poll() is None, self.output_text()
        wait_until(lambda: listens(self.port))
        return self

    def exports(self) -> dict[str, str]:
        """Returns the environment variables in the `export` lines that the server printed."""
        return dict(EXPORT.findall(self.output_text()))

    def call(self, method: str, path: str, body: Any = None, *, key: str | None = None) -> tuple[int, Any]:
        """Calls the API with the printed namespace and key, or another key. Returns the status and the JSON body."""
        exports = self.exports()
        headers = {
            "Authorization": f"Bearer {key or exports['MIXPEEK_API_KEY']}",
            "X-Namespace": exports["MIXPEEK_NAMESPACE"],
            "Content-Type": "application/json",
        }
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_SECONDS)) as connection:
            connection.request(method, path, json.dumps(body) if body is not None else None, headers)
            response = connection.getresponse()
            return response.status, json.loads(response.read())

    def create(self, name: str) -> None:
        """Creates a bucket."""
        status, response = self.call("POST", "/v1/buckets", {"bucket_name": name, "bucket_schema": SCHEMA})
        assert status == 200, response

    def has(self, name: str) -> bool:
        """Returns whether a bucket with this name exists."""
        return self.call("GET", f"/v1/buckets/{name}")[0] == 200

    def add(self, bucket: str, title: str) -> str:
        """Creates an object and returns its id."""
        status, response = self.call("POST", f"/v1/buckets/{bucket}/objects", {"title": title})
        assert status == 200, response
        return str(response["object_id"])

    def counts(self, bucket: str) -> tuple[int, int]:
        """Returns the object counts in the statistics of the bucket and of the namespace."""
        shown = [self.call("GET", path)[1] for path in (f"/v1/buckets/{bucket}", "/v1/namespaces/default")]
        return shown[0]["object_count"], shown[1]["object_count"]

    def objects(self, bucket: str) -> int:
        """Returns the number of objects in a list of the bucket, up to 1000."""
        status, response = self.call("POST", f"/v1/buckets/{bucket}/objects/list", {"limit": 1000})
        assert status == 200, response
        return len(response["results"])

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal to all processes of the server, as a terminal does."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, number)

    def wait_for_exit(self) -> int:
        """Waits until the server has ended and its ports are free. Returns its exit code."""
        code = self.process.wait(TIMEOUT_SECONDS)
        wait_until(lambda: not listens(self.port) and not listens(self.port + 1))
        return code
