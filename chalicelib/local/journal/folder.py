"""The data folder: one process owns it at a time."""

from __future__ import annotations

import fcntl
import json
import os
import time
from pathlib import Path
from typing import Any

from chalicelib.local.journal.lines import open_private, sync_directory

POLL_SECONDS = 0.05
# Where the owner of a folder listens for the other processes of this machine, and no one else.
LOOPBACK = "127.0.0.1"


class FolderInUse(Exception):
    """Another process owns the data folder."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"the data folder {path} is in use by another process; BUCKETS_DATA_DIR names another")


class Folder:
    """A data folder and its lock, which ends with the process however it ends."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: int | None = None

    def own(self, *, wait_seconds: float = 0.0) -> None:
        """Makes the folder this process's own. Raises FolderInUse when another keeps it longer than `wait_seconds`."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = open_private(str(self.path / "lock"), os.O_RDWR | os.O_CREAT)
        deadline = time.monotonic() + wait_seconds
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    os.close(lock)
                    raise FolderInUse(self.path) from None
                time.sleep(POLL_SECONDS)
            else:
                self._lock = lock
                return

    def release(self) -> None:
        """Lets another process have the folder."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def read(self, name: str) -> dict[str, Any]:
        """The small JSON document of this name, empty when there is none that can be read."""
        try:
            document = json.loads((self.path / name).read_text())
        except (OSError, ValueError):
            return {}
        return document if isinstance(document, dict) else {}

    def write(self, name: str, document: dict[str, Any]) -> None:
        """Writes a small JSON document that only this user may read, all of it or nothing."""
        fresh = self.path / f"{name}.new"
        fresh.unlink(missing_ok=True)
        with open(fresh, "w", opener=open_private) as file:
            json.dump(document, file, indent=2)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self.path / name)
        sync_directory(self.path)

    def remove(self, name: str) -> None:
        """Removes a document."""
        (self.path / name).unlink(missing_ok=True)
