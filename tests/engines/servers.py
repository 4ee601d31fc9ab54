"""Runs an engine in a separate process until a test run ends."""

from __future__ import annotations

import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

START_LIMIT_SECONDS = 60


class Unavailable(Exception):
    """This machine cannot run an engine. The message says why."""


@contextmanager
def serving(
    name: str, command: Sequence[str], address: str, environment: Mapping[str, str] | None = None
) -> Iterator[str]:
    """Runs a server, and yields its URL when it responds. The server is always stopped at the end.

    Raises RuntimeError with its output if it does not respond.
    """
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True, env=environment)
        try:
            if not _starts(process, address):
                log.seek(0)
                raise RuntimeError(f"{name} does not respond:\n{log.read().decode()}")
            yield address
        finally:
            process.kill()
            process.wait()


def _starts(process: subprocess.Popen[bytes], address: str) -> bool:
    deadline = time.monotonic() + START_LIMIT_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if _responds(address):
            return True
        time.sleep(0.1)
    return False


def _responds(address: str) -> bool:
    try:
        urllib.request.urlopen(address, timeout=5).close()
    except urllib.error.HTTPError:
        return True  # the engine rejects a request without a signature
    except OSError:
        return False
    return True
