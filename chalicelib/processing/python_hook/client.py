"""The processor that runs a Python hook in a child process, which it starts when needed and uses for all items."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from time import monotonic, time
from typing import TYPE_CHECKING, Any

from chalicelib.core.deadline import time_limit
from chalicelib.core.json_codec import to_json
from chalicelib.processing.items import file_document, item_document
from chalicelib.processing.processor import BatchContext, HookDied, ProcessingFailed
from chalicelib.processing.python_hook.messages import (
    PIECE,
    READ,
    STARTED,
    MessageInvalid,
    decode,
    encode_unreadable,
    fields_of,
    read_request,
)
from chalicelib.processing.python_hook.process import (
    END_SECONDS,
    START_SECONDS,
    Ended,
    HookProcess,
    HookUnloadable,
    TimedOut,
)
from chalicelib.processing.stored_files import read_piece

if TYPE_CHECKING:
    from chalicelib.blobs.service import Blobs
    from chalicelib.objects.stored_object import StoredObject

# After a failed start, items fail for this time without another one.
RESTART_SECONDS = 60.0
# The time that a call to S3, and the end of the process, may take beyond the limit.
GRACE_SECONDS = 8.0 + 2 * END_SECONDS


class PythonHook:
    """Runs the hook `package.module:function`."""

    def __init__(self, function: str, blobs: Blobs, timeout_seconds: float, *, log_level: str = "INFO") -> None:
        self._function = function
        self._blobs = blobs
        self._timeout_seconds = timeout_seconds
        self._log_level = log_level
        self._lock = threading.Lock()
        self._child: HookProcess | None = None
        self._failed_start: tuple[float, ProcessingFailed] | None = None

    @property
    def max_seconds(self) -> float:
        """The maximum time of one call of `process`, in seconds, with the start of a process."""
        return self._timeout_seconds + START_SECONDS + GRACE_SECONDS

    def process(self, stored: StoredObject, context: BatchContext) -> Mapping[str, Any]:
        """Returns the fields that the hook returned. Raises ProcessingFailed, HookDied."""
        with self._lock:
            message = self._message(stored, context)
            return self._fields(message)

    def close(self) -> None:
        """Ends the process. A later call of `process` starts another one."""
        with self._lock:
            child, self._child = self._child, None
            if child is not None:
                child.close()

    def _message(self, stored: StoredObject, context: BatchContext) -> Mapping[str, Any]:
        """The last message of the child about the item.

        A process that ended before it started the item, for example between two items, is replaced once.
        """
        start_deadline = monotonic() + START_SECONDS
        for is_last in (False, True):
            run = _Run(self._started(start_deadline), stored, context, self._blobs, self._timeout_seconds)
            try:
                return run.message()
            except Ended as error:
                self._child = None
                ended = f"The hook's process {run.child.end()}"
                if run.has_started or is_last:
                    raise HookDied(ended) from error
            except TimedOut as error:
                self._kill(trace=True)
                text = f"The hook did not return within {self._timeout_seconds:g} seconds"
                raise ProcessingFailed("resource", text) from error
            except MessageInvalid as error:
                self._kill()
                raise _broken_protocol() from error
            except BaseException:
                self._kill()  # the process may still run the hook
                raise
        raise AssertionError("unreachable")

    def _fields(self, message: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            return fields_of(message)
        except MessageInvalid as error:
            self._kill()
            raise _broken_protocol() from error
        except ProcessingFailed as error:
            if error.category == "resource":
                self._kill()  # a process that ran out of memory may have lost more than this item
            raise

    def _started(self, deadline: float) -> HookProcess:
        """The process, which is started if there is none. Raises ProcessingFailed."""
        if self._child is not None and self._child.has_ended:
            self._kill()
        if self._child is None:
            self._child = self._start(deadline)
        return self._child

    def _start(self, deadline: float) -> HookProcess:
        if self._failed_start is not None and monotonic() < self._failed_start[0]:
            raise ProcessingFailed("runtime", self._failed_start[1].text)
        try:
            return HookProcess.start(self._function, log_level=self._log_level, deadline=deadline)
        except HookUnloadable as error:
            failure = ProcessingFailed("runtime", f"BUCKETS_PROCESSOR: {error}")
            self._failed_start = (monotonic() + RESTART_SECONDS, failure)
            raise failure from error

    def _kill(self, *, trace: bool = False) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.kill(trace=trace)


class _Run:
    """The run of the hook for one item."""

    def __init__(
        self, child: HookProcess, stored: StoredObject, context: BatchContext, blobs: Blobs, seconds: float
    ) -> None:
        self.child = child
        self.has_started = False
        self._blobs = blobs
        self._files = stored.blobs
        self._seconds = seconds
        self._deadline = monotonic() + seconds
        files = map(file_document, stored.blobs)
        self._document = item_document(stored, context, deadline=time() + seconds, files=files)

    def message(self) -> Mapping[str, Any]:
        """Sends the item, and returns the last message about it. Raises Ended, TimedOut, MessageInvalid."""
        content = {"item": self._document, "seconds": self._seconds}
        self.child.send(to_json(content).encode("utf-8"), self._deadline)
        while True:
            message = decode(self.child.receive(self._deadline))
            if message["kind"] == STARTED:
                self.has_started = True
            elif message["kind"] == READ:
                self.child.send(self._piece(message), self._deadline)
            else:
                return message

    def _piece(self, message: Mapping[str, Any]) -> bytes:
        request = read_request(message, len(self._files))
        blob = self._files[request.position]
        if blob.key is None:
            raise MessageInvalid()
        try:
            with time_limit(self._deadline - monotonic()):
                return PIECE + read_piece(self._blobs, blob, request.offset, request.size)
        except ProcessingFailed as failure:
            return encode_unreadable(failure)


def _broken_protocol() -> ProcessingFailed:
    return ProcessingFailed("runtime", "The hook wrote to the connection between its process and the worker")
