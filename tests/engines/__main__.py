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
# The same number of workers as in `make test`. They share the engine, but use different databases.
WORKERS = ["-n", "auto", "--maxprocesses", "4", "--dist", "worksteal"]


def main(arguments: Sequence[str]) -> int:
    """Runs the tests, and returns the exit code. If the engine cannot be started, it is 1 in CI and 0 elsewhere."""
    try:
        dynamodb_local.prepare()
    except dynamodb_local.Unavailable as reason:
        in_ci = bool(os.environ.get("CI"))
        print(f"make test-engines: {'FAILED' if in_ci else 'SKIPPED'}: {reason}", file=sys.stderr)
        return int(in_ci)
    signal.signal(signal.SIGTERM, _end)
    with dynamodb_local.running() as address:
        environment = {**os.environ, "TEST_DYNAMODB_ENDPOINT": address}
        return subprocess.call([sys.executable, *PYTEST, *WORKERS, *arguments], env=environment)


def _end(number: int, frame: Any) -> NoReturn:
    """Exits on a signal, so that the engine is stopped as well."""
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
