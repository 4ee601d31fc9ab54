"""The journal: all changes since the last snapshot, in order.

An entry is passed to the operating system before its request gets a response, so no acknowledged change is lost when
the process is killed. An entry is the line `[number, target, body]` of a successful request, or of another one with the
same effect (see `row_changes`). Replaying the requests on the initial state gives the same final state.
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from chalicelib.local.journal.lines import DAMAGED, decode, encode, open_private, sync_directory

SYNC_SECONDS = 1.0


def last_number_path(journal: Path) -> Path:
    """Returns the path of the file with the number of the last change."""
    return journal.with_name(f"{journal.name}.last")


def read_last_number(journal: Path) -> int:
    """Returns the number of the last change when the journal was last flushed to the disk, or 0 if it is not known.

    A journal that ends before this number has lost entries at its end, which nothing in the journal itself shows.
    """
    try:
        content = decode(last_number_path(journal).read_bytes())
    except (OSError, ValueError):
        return 0
    if content is DAMAGED or not isinstance(content, list) or len(content) != 1 or type(content[0]) is not int:
        return 0
    return content[0]


class JournalEntry(NamedTuple):
    """A request that changes data: the value of its X-Amz-Target header, and its body."""

    target: str
    body: str


class Journal:
    """An append-only file of entries. Calls must come one at a time: the backends' lock ensures this.

    `last` is the number of the last change, `entries` and `size` (bytes) are those of the file.
    """

    def __init__(self, path: Path, last: int) -> None:
        self.path = path
        self.last = last
        self.entries = 0
        self._open()
        # A thread calls fsync once a second. A call for every write would take milliseconds, and would only protect
        # against a power failure.
        self._dirty = threading.Event()
        self._closing = threading.Event()
        self._syncing = threading.Thread(target=self._sync_regularly, name="journal", daemon=True)
        self._syncing.start()

    def _open(self) -> None:
        self._file = open_private(str(self.path), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._last_file = open_private(str(last_number_path(self.path)), os.O_WRONLY | os.O_CREAT)
        sync_directory(self.path.parent)
        self.size = os.fstat(self._file).st_size

    def append(self, entry: JournalEntry) -> None:
        """Appends an entry. Raises OSError when it cannot be written; then the file is as before."""
        line = encode([self.last + 1, *entry])
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
        """Removes all entries, after a snapshot has been written that contains them."""
        os.ftruncate(self._file, 0)
        os.fsync(self._file)
        self.size = self.entries = 0

    def close(self) -> None:
        """Writes everything to the disk and closes the file."""
        self._closing.set()
        self._dirty.set()
        self._syncing.join()
        self.sync()
        os.close(self._file)
        os.close(self._last_file)

    def sync(self) -> None:
        """Flushes all entries to the disk, and then writes the number of the last one."""
        last = self.last
        os.fsync(self._file)
        line = encode([last])
        with suppress(OSError):  # an old number finds fewer losses, and is not wrong
            os.pwrite(self._last_file, line, 0)
            os.ftruncate(self._last_file, len(line))

    def _sync_regularly(self) -> None:
        while not self._closing.is_set():
            self._dirty.wait()
            self._dirty.clear()
            self.sync()
            self._closing.wait(SYNC_SECONDS)
