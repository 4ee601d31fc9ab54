"""Restarts the local server when its sources change, and ends its two processes together.

The parent process starts a worker, which serves, and starts it again when the worker asks for it. `make run` uses
the functions of this module alone. `chalice local` has a reloader of its own, which watches every file of the
project: each write to the data folder would restart it, and it reads the time of each file of `.venv` every
second. `install` limits that one to the sources.

Nothing here imports `chalice.cli`: it imports `blessed`, which waits for answers from the terminal, for 10 seconds
in each process if the terminal does not answer.
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

# The variable and the exit code by which the processes of `chalice local` know each other, too.
WORKER = "CHALICE_WORKER"
RESTART_EXIT_CODE = 3

POLL_SECONDS = 1.0
PR_SET_PDEATHSIG = 1


def install() -> None:
    """Prepares a process that serves: it ends with its parent, and its signals go to the main thread.

    In a process of `chalice local`, it also limits the watcher of chalice to the sources.
    """
    chalice_stat: Any = sys.modules.get("chalice.cli.filewatch.stat")
    if chalice_stat is not None:
        watcher = chalice_stat.StatFileWatcher
        watcher._seed_mtime_cache = _look_first
        watcher._single_pass_poll = _look_again
        watcher._is_changed_file = _unchanged
    leave_signals_to_main()
    if os.environ.get(WORKER):
        end_with_parent()


def run_parent(command: Sequence[str], environ: Mapping[str, str]) -> int:
    """Starts the worker, and starts it again each time it asks for that. Returns the exit code of the last one."""
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
    """Serves until a source under `root` changes. Returns the exit code that asks the parent for a new worker.

    The server is made in its thread: when the code does not load, the thread shows the traceback and ends, and the
    process waits for the code to change.
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
    """Compares the sources every second with what they were when it was made, and sets `changed`."""

    def __init__(self, root: Path) -> None:
        super().__init__(name="source watcher", daemon=True)
        self.changed = threading.Event()
        self._sources = Sources(root)

    def run(self) -> None:
        """Ends with the first change."""
        leave_signals_to_main()
        while not self._sources.have_changed():
            time.sleep(POLL_SECONDS)
        self.changed.set()


class Sources:
    """The files that the running server is made of, and when they were last modified."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._times = self._modification_times()

    def have_changed(self) -> bool:
        """Whether any was added, modified or removed since the last call or, for the first call, since `__init__`."""
        before, self._times = self._times, self._modification_times()
        return self._times != before

    def _modification_times(self) -> dict[Path, float]:
        times = {}
        for path in sources(self._root):
            try:
                times[path] = path.stat().st_mtime
            except OSError:  # an editor is replacing it
                continue
        return times


def sources(root: Path) -> Iterator[Path]:
    """The paths of these files. Not all of them need exist."""
    yield root / "app.py"
    yield from (root / "chalicelib").rglob("*.py")
    yield from (root / ".chalice").glob("*.json")


def _look_first(watcher: Any, root: str) -> None:
    leave_signals_to_main()
    watcher.sources = Sources(Path(root))


def _look_again(watcher: Any, root: str, changed: Callable[[], None]) -> None:
    if not hasattr(watcher, "sources"):  # its first pass began before `install`
        watcher.sources = Sources(Path(root))
    elif watcher.sources.have_changed():
        changed()


def _unchanged(watcher: Any, path: str, seen: dict[str, float]) -> bool:
    """Of a pass that began before `install`: every file is as it was."""
    if path in watcher._mtime_cache:
        seen[path] = watcher._mtime_cache[path]
    return False


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
