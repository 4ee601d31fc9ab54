"""Runs the tests on other engines: `python -m tests.engines [dynamodb|s3] [folders and options for pytest]`.

`dynamodb` is DynamoDB Local, with the S3 of moto. `s3` is versitygw, with the DynamoDB of moto. Without a name, both
run, one after the other.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any, NoReturn

from tests.engines import dynamodb_local, versitygw
from tests.engines.servers import Unavailable

PYTEST = ["-m", "pytest", "-rs"]
# The same number of workers as in `make test`. They share the engine.
WORKERS = ["-n", "auto", "--maxprocesses", "4", "--dist", "worksteal"]


@dataclass(frozen=True)
class Engine:
    """An engine: the module that runs it, the variable with its URL, and the tests that run on it."""

    module: ModuleType
    variable: str
    options: Sequence[str] = ()
    tests: Sequence[str] = ()


ENGINES: Mapping[str, Engine] = {
    "dynamodb": Engine(dynamodb_local, "TEST_DYNAMODB_ENDPOINT", options=["-p", "tests.engines.selection"]),
    "s3": Engine(
        versitygw,
        "TEST_S3_ENDPOINT",
        # A test that loses the response to a request leaves its connection open.
        options=["-W", "ignore:unclosed:ResourceWarning"],
        tests=[
            "tests/uploads/test_signed_urls.py",
            "tests/uploads/test_main_path.py",
            "tests/uploads/test_refused_files.py",
            "tests/uploads/test_kills.py",
            "tests/blobs/test_store.py",
        ],
    ),
}


def main(arguments: Sequence[str]) -> int:
    """Runs the tests, and returns the exit code. For an engine that cannot run, it is 1 in CI and 0 elsewhere."""
    if arguments and arguments[0] in ENGINES:
        return _run(ENGINES[arguments[0]], arguments[1:])
    return max([_run(engine, arguments) for engine in ENGINES.values()])


def _run(engine: Engine, arguments: Sequence[str]) -> int:
    try:
        engine.module.prepare()
    except Unavailable as reason:
        in_ci = bool(os.environ.get("CI"))
        print(f"make test-engines: {'FAILED' if in_ci else 'SKIPPED'}: {reason}", file=sys.stderr)
        return int(in_ci)
    signal.signal(signal.SIGTERM, _end)
    with engine.module.running() as address:
        command = [sys.executable, *PYTEST, *engine.options, *WORKERS, *(arguments or engine.tests)]
        return subprocess.call(command, env={**os.environ, engine.variable: address})


def _end(number: int, frame: Any) -> NoReturn:
    """Exits on a signal, so that the engine is stopped as well."""
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
