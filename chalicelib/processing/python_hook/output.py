"""What the hook prints, as lines of the service's log."""

from __future__ import annotations

import io
import threading
from typing import Any, TextIO

from chalicelib.core import log

# A longer line becomes several.
MAX_LINE_CHARS = 2_000


class LoggedOutput(io.TextIOBase):
    """A text stream that writes each line to the log, with the ids of the current item.

    Bytes that are written to `buffer`, or by other languages than Python, reach the log as they are.
    """

    def __init__(self, stream: TextIO) -> None:
        self.buffer = stream.buffer
        self.fields: dict[str, str] = {}
        self._fileno = stream.fileno()
        self._lock = threading.RLock()
        self._line = ""

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The encoding that the text has in the end."""
        return "utf-8"

    def writable(self) -> bool:
        """Returns True."""
        return True

    def fileno(self) -> int:
        """Returns the file descriptor of the log."""
        return self._fileno

    def write(self, text: str) -> int:
        """Logs the complete lines, and keeps the rest. Returns the length of the text."""
        with self._lock:
            *lines, self._line = (self._line + text).split("\n")
            for line in lines:
                self._log(line)
            if len(self._line) > MAX_LINE_CHARS:
                self._log(self._line)
                self._line = ""
        return len(text)

    def finish(self) -> None:
        """Logs a line that has no end."""
        with self._lock:
            if self._line:
                self._log(self._line)
            self._line = ""

    def _log(self, line: str) -> None:
        for start in range(0, len(line), MAX_LINE_CHARS):
            fields: dict[str, Any] = {**self.fields, "text": line[start : start + MAX_LINE_CHARS]}
            log.log("hook output", **fields)
