"""When `chalice local` starts over, and how its two processes end.

As it comes, chalice watches every file under the project, so that each write to the data folder or a new
`.pyc` is a change, and it looks at each file of `.venv` every second.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from chalice.cli import reloader
from chalice.cli.filewatch import RESTART_REQUEST_RC
from chalice.cli.filewatch.stat import StatFileWatcher, StatWorkerProcess

WORKER = "CHALICE_WORKER"
PR_SET_PDEATHSIG = 1


def install() -> None:
    """Has chalice watch the sources alone, and its worker end with its parent."""
    watcher: Any = StatFileWatcher
    watcher._seed_mtime_cache = _look_first
    watcher._single_pass_poll = _look_again
    watcher._is_changed_file = _unchanged
    processes: Any = reloader
    processes.get_best_worker_process = lambda: StatWorkerProcess
    processes.ParentProcess = Parent
    leave_signals_to_main()
    if os.environ.get(WORKER):
        end_with_parent()


def sources(root: Path) -> Iterator[Path]:
    """The files that the running server is made of."""
    yield root / "app.py"
    yield from (root / "chalicelib").rglob("*.py")
    yield from (root / ".chalice").glob("*.json")


def _stamps(root: str) -> dict[Path, float]:
    stamps = {}
    for path in sources(Path(root)):
        try:
            stamps[path] = path.stat().st_mtime
        except OSError:  # an editor is replacing it
            continue
    return stamps


def _look_first(watcher: Any, root: str) -> None:
    leave_signals_to_main()
    watcher.stamps = _stamps(root)


def _look_again(watcher: Any, root: str, changed: Callable[[], None]) -> None:
    stamps = _stamps(root)
    if stamps != getattr(watcher, "stamps", stamps):
        changed()
    watcher.stamps = stamps


def _unchanged(watcher: Any, path: str, seen: dict[str, float]) -> bool:
    """Of a look round that began before `install`: every file is as it was."""
    if path in watcher._mtime_cache:
        seen[path] = watcher._mtime_cache[path]
    return False


class Parent(reloader.ParentProcess):
    """Starts the worker, again when it asks for it, and ends when it has ended, with its exit code."""

    def main(self) -> None:
        """Does not return."""
        self._env[WORKER] = "true"
        while True:
            worker: subprocess.Popen[bytes] = self._popen(sys.argv, env=self._env)
            try:
                code = worker.wait()
            except KeyboardInterrupt:
                worker.terminate()
                worker.wait()
                sys.exit(0)
            if code != RESTART_REQUEST_RC:
                sys.exit(code)


def leave_signals_to_main() -> None:
    """This thread, and each that it starts, takes no request to end.

    Python acts on a signal in its main thread, which here sleeps until a file changes: taken by any other
    thread, as happens under load, a signal would not wake it.
    """
    if threading.current_thread() is not threading.main_thread():
        signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))


def end_with_parent() -> None:
    """This process gets a SIGTERM when its parent dies, however that dies, and so keeps no port or lock."""
    parent = os.getppid()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        return
    threading.Thread(target=_end_after, args=(parent,), name="parent", daemon=True).start()


def _end_after(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os.kill(os.getpid(), signal.SIGTERM)
