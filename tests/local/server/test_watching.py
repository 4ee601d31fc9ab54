"""The server starts over when its sources change, and for nothing else."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest
from chalice.cli.filewatch.stat import StatFileWatcher

from chalicelib.local.server import watching

SOURCES = ["app.py", "chalicelib/api.py", "chalicelib/local/door.py", ".chalice/resources.json"]
OTHERS = [
    ".local/journal",
    ".venv/lib/thing.py",
    "chalicelib/__pycache__/api.cpython-311.pyc",
    ".git/index",
    "tests/test_thing.py",
    "README.md",
]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in [*SOURCES, *OTHERS]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    return tmp_path


class Watched:
    """A watcher of a project, which looks when it is told to."""

    def __init__(self, project: Path) -> None:
        watching.install()
        self._watcher = StatFileWatcher()
        self._project = str(project)
        self._watcher._seed_mtime_cache(self._project)

    def sees_a_change(self) -> bool:
        seen: list[bool] = []
        self._watcher._single_pass_poll(self._project, lambda: seen.append(True))
        return bool(seen)


def touch(path: Path) -> None:
    before = path.stat().st_mtime_ns
    os.utime(path, ns=(before, before + 1_000_000))


@pytest.mark.parametrize("name", SOURCES)
def test_a_source_that_changes_is_seen_once(project: Path, name: str) -> None:
    watched = Watched(project)
    touch(project / name)
    assert watched.sees_a_change()
    assert not watched.sees_a_change()


@pytest.mark.parametrize("name", OTHERS)
def test_nothing_else_is_looked_at(project: Path, name: str) -> None:
    watched = Watched(project)
    touch(project / name)
    (project / name).with_name("new").write_text("")
    assert not watched.sees_a_change()
    (project / name).unlink()
    assert not watched.sees_a_change()


def test_sources_that_come_and_go_are_seen(project: Path) -> None:
    watched = Watched(project)
    (project / "chalicelib/new.py").write_text("")
    assert watched.sees_a_change()
    (project / "chalicelib/new.py").unlink()
    assert watched.sees_a_change()
    (project / "app.py").unlink()
    assert watched.sees_a_change()


def test_a_watch_that_chalice_began_goes_on_without_a_false_alarm(project: Path) -> None:
    watcher = StatFileWatcher()
    for name in [*SOURCES, *OTHERS]:  # as chalice's own seeding leaves it
        watcher._mtime_cache[str(project / name)] = (project / name).stat().st_mtime
    watching.install()
    touch(project / ".local/journal")
    seen: list[bool] = []
    watcher._single_pass_poll(str(project), lambda: seen.append(True))
    assert not seen
    touch(project / "app.py")
    watcher._single_pass_poll(str(project), lambda: seen.append(True))
    assert seen


def test_a_signal_to_end_reaches_the_main_thread_alone() -> None:
    masks: list[set[int]] = []

    def look() -> None:
        masks.append(set(signal.pthread_sigmask(signal.SIG_BLOCK, ())))

    def serve() -> None:
        watching.leave_signals_to_main()
        child = threading.Thread(target=look)
        child.start()
        child.join()

    thread = threading.Thread(target=serve)
    thread.start()
    thread.join()
    watching.leave_signals_to_main()
    look()
    assert [{signal.SIGINT, signal.SIGTERM} & mask for mask in masks] == [{signal.SIGINT, signal.SIGTERM}, set()]
