"""The server restarts when its source files change, and for no other reason."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest
from chalice.cli.filewatch.stat import StatFileWatcher

from chalicelib.local.server import watching

SOURCES = ["app.py", "chalicelib/api.py", "chalicelib/local/tables.py", "vendor/hook.py", ".chalice/resources.json"]
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


class WatchedProject:
    """Chalice's watcher of a project, which checks the files on request."""

    def __init__(self, project: Path) -> None:
        watching.install()
        self._watcher = StatFileWatcher()
        self._project = str(project)
        self._watcher._seed_mtime_cache(self._project)

    def reports_a_change(self) -> bool:
        reported: list[bool] = []
        self._watcher._single_pass_poll(self._project, lambda: reported.append(True))
        return bool(reported)


def touch(path: Path) -> None:
    before = path.stat().st_mtime_ns
    os.utime(path, ns=(before, before + 1_000_000))


@pytest.mark.parametrize("name", SOURCES)
def test_a_change_of_a_source_file_is_reported_once(project: Path, name: str) -> None:
    watched = WatchedProject(project)
    touch(project / name)
    assert watched.reports_a_change()
    assert not watched.reports_a_change()


@pytest.mark.parametrize("name", OTHERS)
def test_changes_of_other_files_are_ignored(project: Path, name: str) -> None:
    watched = WatchedProject(project)
    touch(project / name)
    (project / name).with_name("new").write_text("")
    assert not watched.reports_a_change()
    (project / name).unlink()
    assert not watched.reports_a_change()


def test_new_and_removed_source_files_are_reported(project: Path) -> None:
    watched = WatchedProject(project)
    (project / "chalicelib/new.py").write_text("")
    assert watched.reports_a_change()
    (project / "chalicelib/new.py").unlink()
    assert watched.reports_a_change()
    (project / "app.py").unlink()
    assert watched.reports_a_change()


def test_a_watcher_that_chalice_started_before_reports_only_changes_of_source_files(project: Path) -> None:
    watcher = StatFileWatcher()
    for name in [*SOURCES, *OTHERS]:  # the state after chalice's own first pass
        watcher._mtime_cache[str(project / name)] = (project / name).stat().st_mtime
    watching.install()
    touch(project / ".local/journal")
    reported: list[bool] = []
    watcher._single_pass_poll(str(project), lambda: reported.append(True))
    assert not reported
    touch(project / "app.py")
    watcher._single_pass_poll(str(project), lambda: reported.append(True))
    assert reported


def test_only_the_main_thread_receives_the_signals_to_end() -> None:
    masks: list[set[int]] = []

    def record_mask() -> None:
        masks.append(set(signal.pthread_sigmask(signal.SIG_BLOCK, ())))

    def serve() -> None:
        watching.leave_signals_to_main()
        child = threading.Thread(target=record_mask)
        child.start()
        child.join()

    thread = threading.Thread(target=serve)
    thread.start()
    thread.join()
    watching.leave_signals_to_main()
    record_mask()
    assert [{signal.SIGINT, signal.SIGTERM} & mask for mask in masks] == [{signal.SIGINT, signal.SIGTERM}, set()]
