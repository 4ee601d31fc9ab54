"""Starts the local server as a real process, on a copy of the project."""

from __future__ import annotations

import shutil
import signal
import sys
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.ports import free_pair
from tests.support.running import ServerProcess

PROJECT = Path(__file__).parents[3]
CHALICE = Path(sysconfig.get_path("scripts")) / "chalice"
MAKE_RUN = [sys.executable, "-m", "chalicelib.local"]


@pytest.fixture
def port() -> int:
    return free_pair()


Run = Callable[..., ServerProcess]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Returns a copy of the files that the server needs, so that tests do not change the original."""
    copy = tmp_path / "project"
    # Compiled files are copied too, except those that another process is writing.
    shutil.copytree(PROJECT / "chalicelib", copy / "chalicelib", ignore=shutil.ignore_patterns("*.pyc.*"))
    (copy / ".chalice").mkdir()
    for name in ("app.py", ".chalice/config.json", ".chalice/resources.json"):
        shutil.copy(PROJECT / name, copy / name)
    return copy


@pytest.fixture
def run(project: Path, port: int) -> Iterator[Run]:
    """Returns a function that starts a server of the copy. All use one port, and end with the test."""
    started: list[ServerProcess] = []

    def run_(
        *options: str, program: list[str] | None = None, terminal: int | None = None, **environ: str
    ) -> ServerProcess:
        command = [*(program or MAKE_RUN), "--port", str(port), *options]
        server = ServerProcess(command, project, port, terminal=terminal, **environ)
        started.append(server)
        return server

    yield run_
    for server in started:
        server.signal(signal.SIGKILL)
    for server in started:
        server.wait_for_exit()
