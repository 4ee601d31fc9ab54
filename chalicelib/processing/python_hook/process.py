"""The child process of a Python hook, as the worker sees it. Every wait ends at a deadline (monotonic seconds)."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from chalicelib.processing.python_hook.frames import FrameBuffer, FrameTooLarge, frame
from chalicelib.processing.python_hook.messages import (
    MAX_MESSAGE_BYTES,
    READY,
    UNLOADABLE,
    MessageInvalid,
    decode,
)
from chalicelib.tasks.error_text import one_line

# A start includes the imports of the hook's module.
START_SECONDS = 20.0
# How often a wait checks that the process lives. If the hook has forked, its end does not close the connection.
CHECK_SECONDS = 0.2
# How long a process may take to end by itself before it is killed.
END_SECONDS = 0.5
ROOT = Path(__file__).parents[3]
_RECEIVED_BYTES = 1 << 16
# Standard error of this process, which is its log.
_STDERR = 2
_START = (
    "import json, sys; options = json.loads(sys.argv[1]); sys.path[:] = options['path'];"
    "from chalicelib.processing.python_hook.child import main; main(options)"
)


class TimedOut(Exception):
    """The deadline has passed."""


class Ended(Exception):
    """The process has ended, or closed its connection."""


class HookUnloadable(Exception):
    """The hook cannot be loaded. The message says why, in one line."""


class HookProcess:
    """A child process that has loaded a hook.

    It is in a process group of its own, which `kill` kills with all processes that the hook has started. Only those
    that have left the group survive.
    """

    def __init__(self, function: str, *, log_level: str) -> None:
        ours, theirs = socket.socketpair()
        options = {"path": search_path(), "function": function, "log_level": log_level, "socket": theirs.fileno()}
        with theirs, contextlib.ExitStack() as after_error:
            after_error.enter_context(ours)
            self._process = subprocess.Popen(  # noqa: S603 the interpreter of this process
                [sys.executable, "-c", _START, json.dumps(options)],
                stdin=subprocess.DEVNULL,
                stdout=_STDERR,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
            after_error.pop_all()
        ours.setblocking(False)
        self._socket = ours
        self._buffer = FrameBuffer(MAX_MESSAGE_BYTES)

    @classmethod
    def start(cls, function: str, *, log_level: str, deadline: float) -> HookProcess:
        """Starts a process, and waits until it has loaded the hook. Raises HookUnloadable."""
        try:
            started = cls(function, log_level=log_level)
        except OSError as error:
            raise HookUnloadable(f"{function} cannot be started: {error}") from error
        try:
            started._wait_until_ready(function, deadline)
        except BaseException:
            started.kill()
            raise
        return started

    def _wait_until_ready(self, function: str, deadline: float) -> None:
        try:
            message = decode(self.receive(deadline))
        except TimedOut as error:
            raise HookUnloadable(f"{function} cannot be loaded: the import took too long") from error
        except (Ended, MessageInvalid) as error:
            raise HookUnloadable(f"{function} cannot be loaded: the process {self.end()}") from error
        if message["kind"] == UNLOADABLE:
            raise HookUnloadable(one_line(f"{function} cannot be loaded: {message.get('text')}"))
        if message["kind"] != READY:
            raise HookUnloadable(f"{function} cannot be loaded: the process broke the protocol")

    @property
    def has_ended(self) -> bool:
        """Whether the process has ended."""
        return self._process.poll() is not None

    def send(self, content: bytes, deadline: float) -> None:
        """Sends a frame. Raises TimedOut, Ended."""
        remaining = memoryview(frame(content))
        while remaining:
            self._wait(select.POLLOUT, deadline)
            try:
                remaining = remaining[self._socket.send(remaining) :]
            except BlockingIOError:
                continue
            except OSError as error:
                raise Ended() from error

    def receive(self, deadline: float) -> bytes:
        """Returns the content of the next frame. Raises TimedOut, Ended, MessageInvalid for one that is too large."""
        while (content := self._take()) is None:
            self._wait(select.POLLIN, deadline)
            try:
                data = self._socket.recv(_RECEIVED_BYTES)
            except BlockingIOError:
                continue
            except OSError as error:
                raise Ended() from error
            if not data:
                raise Ended()
            self._buffer.feed(data)
        return content

    def end(self) -> str:
        """Waits shortly for the end of the process, and kills it otherwise. Returns how it ended, as a verb phrase."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(END_SECONDS)
        code = self._process.returncode
        self.kill()
        if code is None:
            return "closed its connection to the worker"
        return f"was ended by {_signal_name(-code)}" if code < 0 else f"ended with the exit code {code}"

    def kill(self, *, trace: bool = False) -> None:
        """Kills the process group. With `trace`, the process first writes to the log where it is."""
        self._socket.close()
        if trace and not self.has_ended:
            self._process.send_signal(signal.SIGABRT)  # `faulthandler` writes the stacks of all threads
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(END_SECONDS)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(END_SECONDS)

    def close(self) -> None:
        """Closes the connection, which ends the process, and kills it if it does not end."""
        self._socket.close()
        self.end()

    def _take(self) -> bytes | None:
        try:
            return self._buffer.take()
        except FrameTooLarge as error:
            raise MessageInvalid() from error

    def _wait(self, event: int, deadline: float) -> None:
        """Waits until the socket is readable or writable. Raises TimedOut, Ended."""
        poller = select.poll()
        poller.register(self._socket, event)
        while True:
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                raise TimedOut()
            if poller.poll(1000 * min(remaining, CHECK_SECONDS)):
                return
            if self.has_ended:
                raise Ended()


def load_once(function: str, *, log_level: str = "INFO") -> None:
    """Loads the hook in a process, which then ends. Raises HookUnloadable."""
    deadline = time.monotonic() + START_SECONDS
    HookProcess.start(function, log_level=log_level, deadline=deadline).close()


def search_path() -> list[str]:
    """Returns the folders in which the child finds modules: those of this process, and the folder `vendor`.

    In the deployed package, the contents of `vendor` are beside `chalicelib`.
    """
    folders = [*map(os.path.abspath, sys.path), str(ROOT)]
    vendor = ROOT / "vendor"
    return list(dict.fromkeys([*folders, str(vendor)] if vendor.is_dir() else folders))


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
