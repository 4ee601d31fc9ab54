"""The journal: every change since the last snapshot, in order, each in the hands of the operating system
before the request that made it is answered. Nothing answered is lost when the process is killed.

A change is a numbered request, `[number, target, body]`: making it again on the state it was made on gives
the same state. Only requests that succeeded are here, so replaying needs no judgement. The next service to
be kept (S3, SQS) adds its own kind of target; its bodies, being bytes, go in as base64.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import NamedTuple

from chalicelib.local.journal.lines import encode, open_private, sync_directory

SYNC_SECONDS = 1.0


class JournalEntry(NamedTuple):
    """One request that succeeded, or will be kept when it has."""

    target: str
    body: str


class Journal:
    """An append-only file of changes. Calls come one at a time, under the lock of the backends."""

    def __init__(self, path: Path, last: int) -> None:
        self.path = path
        self.last = last
        self.entries = 0
        self._open()
        # The disk has every change a second later: asking it each time would cost milliseconds a write, and
        # only a power cut could tell the difference.
        self._dirty = threading.Event()
        self._closing = threading.Event()
        self._syncing = threading.Thread(target=self._sync_now_and_then, name="journal", daemon=True)
        self._syncing.start()

    def _open(self) -> None:
        self._file = open_private(str(self.path), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        sync_directory(self.path.parent)
        self.size = os.fstat(self._file).st_size

    def append(self, change: JournalEntry) -> None:
        """Keeps a change. Raises OSError, with the file as it was, when that cannot be done."""
        line = encode([self.last + 1, *change])
        try:
            written = os.write(self._file, line)
            if written < len(line):
                raise OSError(f"{written} of {len(line)} bytes were written to {self.path}")
        except OSError:
            os.ftruncate(self._file, self.size)
            raise
        self.last += 1
        self.entries += 1
        self.size += len(line)
        self._dirty.set()

    def clear(self) -> None:
        """Starts anew: everything up to here is in a snapshot."""
        os.ftruncate(self._file, 0)
        os.fsync(self._file)
        self.size = self.entries = 0

    def close(self) -> None:
        """Everything is on the disk, and the file is let go."""
        self._closing.set()
        self._dirty.set()
        self._syncing.join()
        os.fsync(self._file)
        os.close(self._file)

    def _sync_now_and_then(self) -> None:
        while not self._closing.is_set():
            self._dirty.wait()
            self._dirty.clear()
            os.fsync(self._file)
            self._closing.wait(SYNC_SECONDS)
