"""Runs a server in a separate process."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

START_SECONDS = 120
POLL_SECONDS = 0.01


class NotAvailable(Exception):
    """This machine cannot run a server. The message says why."""


def free_port() -> int:
    """Returns N so that no process listens on the ports N and N+1 at the moment."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = int(first.getsockname()[1])
            try:
                second.bind(("127.0.0.1", port + 1))
            except (OSError, OverflowError):
                continue
            return port


@contextmanager
def running(
    command: list[str], port: int, folder: Path, environment: Mapping[str, str] | None = None
) -> Iterator[None]:
    """Runs a server until the end of the block, and then kills it. It is ready when it accepts connections.

    Raises NotAvailable with the end of its output if it does not start.
    """
    output = folder / f"output-{port}"
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "BUCKETS_"))}
    with output.open("w") as file:
        process = subprocess.Popen(
            command, cwd=folder, env={**inherited, **(environment or {})}, stdout=file, stderr=subprocess.STDOUT
        )
    try:
        _wait_until_ready(process, port, output)
        yield
    finally:
        process.kill()
        process.wait()


def run(*command: str, environment: Mapping[str, str] | None = None) -> None:
    """Runs a command. Raises NotAvailable with the end of its output if it fails."""
    done = subprocess.run(
        command, check=False, text=True, capture_output=True, env={**os.environ, **(environment or {})}
    )
    if done.returncode:
        raise NotAvailable((done.stderr or done.stdout).strip()[-500:])


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, output: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(POLL_SECONDS)
    raise NotAvailable(f"it does not start: {output.read_text()[-500:]}")
