"""Restarts the local server when its source files change, and ends its two processes together.

The parent process starts a worker process, which serves, and starts a new one when the worker exits with
RESTART_EXIT_CODE. `make run` uses only the functions of this module. `chalice local` has its own reloader, which
watches every file of the project: each write to the data folder would restart it, and it reads the time of each file
of `.venv` every second. `install` limits it to the source files.

This module does not import `chalice.cli`, which imports `blessed`: that queries the terminal, and waits 10 seconds in
each process if the terminal does not respond.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chalice.local import LocalDevServer

# The environment variable of a worker, and its exit code when it must be restarted: the same as in `chalice local`.
WORKER = "CHALICE_WORKER"
RESTART_EXIT_CODE = 3

POLL_SECONDS = 1.0
PR_SET_PDEATHSIG = 1


def install() -> None:
    """Prepares a process that serves: it ends with its parent, and its main thread receives the signals.

    In a process of `chalice local`, it also limits chalice's watcher to the source files.
    """
    chalice_stat: Any = sys.modules.get("chalice.cli.filewatch.stat")
    if chalice_stat is not None:
        watcher = chalice_stat.StatFileWatcher
        watcher._seed_mtime_cache = _start_watching
        watcher._single_pass_poll = _check_for_changes
        watcher._is_changed_file = _report_unchanged
    leave_signals_to_main()
    if os.environ.get(WORKER):
        end_with_parent()


def run_parent(command: Sequence[str], environ: Mapping[str, str]) -> int:
    """Runs the worker, and a new one each time it exits with RESTART_EXIT_CODE. Returns the last exit code."""
    while True:
        worker = subprocess.Popen(command, env={**environ, WORKER: "true"})  # noqa: S603 the command of this process itself
        try:
            code = worker.wait()
        except KeyboardInterrupt:
            worker.terminate()
            worker.wait()
            return 0
        if code != RESTART_EXIT_CODE:
            return code


def run_worker(new_server: Callable[[], LocalDevServer], root: Path) -> int:
    """Serves until a source file under `root` changes. Returns the exit code that makes the parent start a new worker.

    The server is built in its thread: if the code cannot be loaded, the thread prints the traceback and ends, and the
    process waits for a change of the code.
    """
    from chalice.local import HTTPServerThread

    watcher = SourceWatcher(root)
    server = HTTPServerThread(new_server)
    server.start()
    watcher.start()
    watcher.changed.wait()
    server.shutdown()
    return RESTART_EXIT_CODE


class SourceWatcher(threading.Thread):
    """A thread that checks the source files every second, and sets `changed` when one has changed since `__init__`."""

    def __init__(self, root: Path) -> None:
        super().__init__(name="source watcher", daemon=True)
        self.changed = threading.Event()
        self._snapshot = SourceTimes(root)

    def run(self) -> None:
        """Runs until the first change."""
        leave_signals_to_main()
        while not self._snapshot.have_changed():
            time.sleep(POLL_SECONDS)
        self.changed.set()


class SourceTimes:
    """The times when the source files were last modified."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._times = self._modification_times()

    def have_changed(self) -> bool:
        """Returns whether a file was added, modified or removed since the previous call (or `__init__`)."""
        before, self._times = self._times, self._modification_times()
        return self._times != before

    def _modification_times(self) -> dict[Path, float]:
        times = {}
        for path in source_paths(self._root):
            try:
                times[path] = path.stat().st_mtime
            except OSError:  # it does not exist, for example while an editor replaces it
                continue
        return times


def source_paths(root: Path) -> Iterator[Path]:
    """Yields the paths of the source files of the server. Some of them may not exist."""
    yield root / "app.py"
    yield from (root / "chalicelib").rglob("*.py")
    yield from (root / "vendor").rglob("*.py")
    yield from (root / ".chalice").glob("*.json")


def _start_watching(watcher: Any, root: str) -> None:
    leave_signals_to_main()
    watcher.source_times = SourceTimes(Path(root))


def _check_for_changes(watcher: Any, root: str, changed: Callable[[], None]) -> None:
    if not hasattr(watcher, "source_times"):  # its first pass started before `install`
        watcher.source_times = SourceTimes(Path(root))
    elif watcher.source_times.have_changed():
        changed()


def _report_unchanged(watcher: Any, path: str, seen: dict[str, float]) -> bool:
    """Reports a file as unchanged. Used by a pass that started before `install`."""
    if path in watcher._mtime_cache:
        seen[path] = watcher._mtime_cache[path]
    return False


def leave_signals_to_main() -> None:
    """Blocks SIGINT and SIGTERM in this thread and in the threads that it starts, unless it is the main thread.

    Python handles signals in the main thread, which sleeps until a file changes. A signal that the system delivers to
    another thread, as happens under load, would not wake it.
    """
    if threading.current_thread() is not threading.main_thread():
        signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))


def end_with_parent() -> None:
    """Sends SIGTERM to this process when its parent ends for any reason, so that it keeps no port or lock."""
    parent = os.getppid()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        return
    threading.Thread(target=_end_when_parent_ends, args=(parent,), name="parent", daemon=True).start()


def _end_when_parent_ends(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os.kill(os.getpid(), signal.SIGTERM)
