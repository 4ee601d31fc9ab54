"""The data folder, which one process at a time owns."""

from __future__ import annotations

import fcntl
import json
import os
import time
from pathlib import Path
from typing import Any

from chalicelib.local.journal.lines import open_private, sync_directory

POLL_SECONDS = 0.05
# Every data folder has at least one of them.
ENGINE_FILES = ("lock", "journal", "snapshot")
# The AWS endpoint of a folder's owner listens on this interface only, so that no other machine can connect.
LOOPBACK = "127.0.0.1"


class FolderInUse(Exception):
    """Another process owns the data folder."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"the data folder {path} is in use by another process; set BUCKETS_DATA_DIR to another folder")


class FolderMissing(Exception):
    """The data folder does not exist, or is not one of an embedded engine."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"the folder {path} has no data of an embedded engine; start the server first with `make run`, or set "
            "BUCKETS_DATA_DIR to its data folder"
        )


class Folder:
    """A data folder and its lock. The operating system releases the lock when the process ends or is killed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: int | None = None

    def require_engine(self) -> None:
        """Raises FolderMissing if no engine has ever owned this folder. Creates nothing."""
        if not any((self.path / name).exists() for name in ENGINE_FILES):
            raise FolderMissing(self.path)

    def own(self, *, wait_seconds: float = 0.0) -> None:
        """Creates the folder if needed and locks it.

        Raises FolderInUse when another process holds the lock for longer than `wait_seconds`.
        """
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
        """Releases the lock."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def read(self, name: str) -> dict[str, Any]:
        """Returns the JSON object in the file of this name, or an empty one if there is no readable JSON object."""
        path = self.path / name
        try:
            document = json.loads(path.read_text()) if path.is_file() else None
        except (OSError, ValueError, RecursionError):
            return {}
        return document if isinstance(document, dict) else {}

    def write(self, name: str, document: dict[str, Any]) -> None:
        """Writes a JSON object to the file of this name, atomically. Only the user can read it."""
        new_path = self.path / f"{name}.new"
        new_path.unlink(missing_ok=True)
        with open(new_path, "w", opener=open_private) as file:
            json.dump(document, file, indent=2)
            file.flush()
            os.fsync(file.fileno())
        new_path.replace(self.path / name)
        sync_directory(self.path)

    def is_private(self, name: str) -> bool:
        """Returns whether the file of this name exists, belongs to this user, and no other user can read it."""
        try:
            status = (self.path / name).stat()
        except OSError:
            return False
        return status.st_uid == os.geteuid() and not status.st_mode & 0o077

    def remove(self, name: str) -> None:
        """Removes the file of this name, if it exists."""
        (self.path / name).unlink(missing_ok=True)
