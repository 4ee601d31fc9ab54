"""Builds versitygw, an S3 server that checks signatures, and runs it in a separate process without data."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.engines.servers import Unavailable, serving
from tests.support.engine import ENVIRONMENT
from tests.support.ports import free_port

ROOT = Path(__file__).parents[2]
PACKAGE = "github.com/versity/versitygw/cmd/versitygw"
VERSION = "v1.8.0"
# `go install` writes the program when it is complete.
PROGRAM = ROOT / ".local" / "versitygw" / VERSION / "versitygw"
BUILD_SECONDS = 900


def prepare() -> None:
    """Builds the engine if necessary. Raises Unavailable."""
    if PROGRAM.exists():
        return
    go = shutil.which("go")
    if go is None:
        raise Unavailable("Go is required to build versitygw, and is not installed")
    command = [go, "install", f"{PACKAGE}@{VERSION}"]
    environment = {**os.environ, "GOBIN": str(PROGRAM.parent)}
    try:
        done = subprocess.run(
            command,
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=BUILD_SECONDS,
            env=environment,
        )
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"Go did not build versitygw in {BUILD_SECONDS} seconds") from error
    if done.returncode:
        raise Unavailable(f"Go cannot build versitygw:\n{done.stdout}{done.stderr}")


@contextmanager
def running() -> Iterator[str]:
    """Runs an engine without data, after `prepare`, and yields its URL. It accepts the credentials of the tests.

    The engine is always stopped at the end.
    """
    address = f"127.0.0.1:{free_port()}"
    with tempfile.TemporaryDirectory() as folder:
        files, attributes = Path(folder, "files"), Path(folder, "attributes")
        files.mkdir()
        attributes.mkdir()
        # Not every file system has extended attributes, so the engine keeps the attributes of files in files.
        options = ["--port", address, "--region", ENVIRONMENT["AWS_REGION"], "--quiet"]
        command = [str(PROGRAM), *options, "posix", "--sidecar", str(attributes), str(files)]
        credentials = {
            "ROOT_ACCESS_KEY_ID": ENVIRONMENT["AWS_ACCESS_KEY_ID"],
            "ROOT_SECRET_ACCESS_KEY": ENVIRONMENT["AWS_SECRET_ACCESS_KEY"],
        }
        with serving("versitygw", command, f"http://{address}", {**os.environ, **credentials}):
            yield f"http://{address}"
