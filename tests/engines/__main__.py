"""Runs the tests on DynamoDB Local: `python -m tests.engines [folders and options for pytest]`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from tests.engines import dynamodb_local

PYTEST = ["-m", "pytest", "-rs", "-p", "tests.engines.selection"]
# As many workers as `make test` has; they share the engine, where each has databases of its own.
WORKERS = ["-n", "auto", "--maxprocesses", "4", "--dist", "worksteal"]


def main(words: Sequence[str]) -> int:
    """The exit code of the tests. Without an engine it is a failure in CI, and a skip elsewhere."""
    try:
        dynamodb_local.prepare()
    except dynamodb_local.Unavailable as reason:
        in_ci = bool(os.environ.get("CI"))
        print(f"make test-engines: {'not possible' if in_ci else 'SKIPPED'}: {reason}", file=sys.stderr)
        return int(in_ci)
    signal.signal(signal.SIGTERM, _end)
    with dynamodb_local.running() as address:
        environment = {**os.environ, "TEST_DYNAMODB_ENDPOINT": address}
        return subprocess.call([sys.executable, *PYTEST, *WORKERS, *words], env=environment)


def _end(number: int, frame: Any) -> NoReturn:
    """Lets the engine end with us when we are told to."""
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
