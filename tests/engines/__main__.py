"""Runs the tests on DynamoDB Local: `python -m tests.engines [folders and options for pytest]`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from tests.engines import dynamodb_local

# Two workers are what the engine keeps up with; they share it, and every test has tables of its own there.
PYTEST = ["-m", "pytest", "-p", "tests.engines.selection", "-n", "2", "--dist", "worksteal"]

# Those whose tests are known to hold there; docs/decisions/engines.md says what is missing.
FOLDERS = ["tests/access", "tests/foundation", "tests/health", "tests/namespaces", "tests/stats", "tests/tasks"]


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
        return subprocess.call([sys.executable, *PYTEST, *(words or FOLDERS)], env=environment)


def _end(number: int, frame: Any) -> NoReturn:
    """Lets the engine end with us when we are told to."""
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
