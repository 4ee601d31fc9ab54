"""The child process: loads the hook, and calls it for one item after another."""

from __future__ import annotations

import contextlib
import faulthandler
import importlib
import json
import logging
import os
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

from chalicelib.core import log
from chalicelib.processing.classification import category_of, failure_text
from chalicelib.processing.fields import FieldsInvalid, encode_fields
from chalicelib.processing.hook import Permanent, Transient
from chalicelib.processing.items import to_item
from chalicelib.processing.python_hook.frames import HEADER_BYTES, frame
from chalicelib.processing.python_hook.messages import (
    FAILED,
    PIECE,
    READ,
    READY,
    STARTED,
    UNLOADABLE,
    encode,
    returned,
)
from chalicelib.processing.python_hook.output import LoggedOutput
from chalicelib.processing.python_hook.remote_file import open_remote

# If the worker has been killed, nobody kills this process. It ends itself so long after the limit of the item.
ORPHAN_SECONDS = 5.0
MAX_OOM_SCORE = "1000"
STDERR = 2

Hook = Callable[[Any], Any]


def main(options: Mapping[str, Any]) -> None:
    """Serves the worker until it closes the connection."""
    connection = Connection(options["socket"])
    sys.argv = [options["function"]]
    log.configure(options["log_level"], to=sys.__stderr__)
    _prepare()
    output = LoggedOutput(sys.__stderr__)  # type: ignore[arg-type]
    sys.stdout = sys.stderr = output
    try:
        hook = load(options["function"])
    except BaseException as error:
        _log_failure(error, {})
        connection.send(encode(UNLOADABLE, text=failure_text(error)))
    else:
        connection.send(encode(READY))
        _serve(connection, hook, output)
    _end_soon(ORPHAN_SECONDS)  # threads of the hook could prevent the end


def load(function: str) -> Hook:
    """Returns the function `package.module:function`."""
    module, _, name = function.partition(":")
    hook = getattr(importlib.import_module(module), name)
    if not callable(hook):
        raise TypeError(f"{name} is not a function")
    return hook  # type: ignore[no-any-return]


class Connection:
    """The connection to the worker."""

    def __init__(self, descriptor: int) -> None:
        os.set_inheritable(descriptor, False)
        self._socket = socket.socket(fileno=descriptor)

    def send(self, content: bytes) -> None:
        """Sends a frame."""
        self._socket.sendall(frame(content))

    def receive(self) -> bytes | None:
        """Returns the content of the next frame, or None if the worker has closed the connection."""
        header = self._receive(HEADER_BYTES)
        return None if header is None else self._receive(int.from_bytes(header, "big"))

    def _receive(self, size: int) -> bytes | None:
        received = bytearray(size)
        remaining = memoryview(received)
        while remaining:
            count = self._socket.recv_into(remaining)
            if count == 0:
                return None
            remaining = remaining[count:]
        return bytes(received)


class ItemFiles:
    """Reads the files of the current item. The threads of a hook may use it at the same time."""

    def __init__(self, connection: Connection, sizes: list[int | None]) -> None:
        self._connection = connection
        self._sizes = sizes
        self._lock = threading.Lock()
        self._closed = False

    def open(self, position: int) -> BinaryIO:
        """Returns a stream with the content of the file at this position."""
        return open_remote(lambda offset, size: self._read(position, offset, size), self._sizes[position])

    def close(self) -> None:
        """Ends the use of the connection. A thread of the hook that reads later gets an exception."""
        with self._lock:
            self._closed = True

    def _read(self, position: int, offset: int, size: int) -> bytes:
        with self._lock:
            if self._closed:
                raise ValueError("the item of this file has ended")
            self._connection.send(encode(READ, position=position, offset=offset, size=size))
            answer = self._connection.receive()
        if answer is None:
            raise ConnectionError("the worker has closed the connection")
        if answer[:1] == PIECE:
            return answer[1:]
        raise _unreadable(**json.loads(answer[1:]))


def _unreadable(category: str, text: str) -> Exception:
    """The exception whose category is this one."""
    kinds: Mapping[str, type[Exception]] = {"dependency": Transient, "authentication": PermissionError}
    return kinds.get(category, Permanent)(text)


def _serve(connection: Connection, hook: Hook, output: LoggedOutput) -> None:
    while (content := connection.receive()) is not None:
        message = json.loads(content)
        document = message["item"]
        output.fields = {"batch": document["batch_id"], "object": document["object_id"]}
        _end_soon(message["seconds"] + ORPHAN_SECONDS)
        connection.send(encode(STARTED))
        files = ItemFiles(connection, [file["size_bytes"] for file in document["files"]])
        answer = _run(hook, document, files, output.fields)
        files.close()
        faulthandler.cancel_dump_traceback_later()
        output.finish()
        connection.send(answer)


def _run(hook: Hook, document: Mapping[str, Any], files: ItemFiles, ids: Mapping[str, str]) -> bytes:
    """Calls the hook. Returns the message for the worker, also if the hook tries to exit."""
    try:
        return returned(encode_fields(hook(to_item(document, files.open))))
    except BaseException as error:
        if not isinstance(error, Transient | Permanent | FieldsInvalid):
            _log_failure(error, ids)
        return encode(FAILED, category=category_of(error), text=failure_text(error))


def _log_failure(error: BaseException, ids: Mapping[str, str]) -> None:
    with contextlib.suppress(Exception):  # the message and the causes of a foreign exception come from foreign code
        log.log("hook failed", level=log.ERROR, error=error, **ids)


def _prepare() -> None:
    """Makes the end of this process harmless for others, and visible in the log."""
    faulthandler.enable(STDERR)
    logging.raiseExceptions = False  # if the hook closes the log, a line that cannot be written causes no other
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # If memory becomes scarce, the kernel of Linux ends this process before the worker.
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as score:
        score.write(MAX_OOM_SCORE)


def _end_soon(seconds: float) -> None:
    """Ends this process after this time, even if a thread does not respond, and writes the stacks of all threads."""
    faulthandler.dump_traceback_later(seconds, exit=True, file=STDERR)
