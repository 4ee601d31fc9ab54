"""The embedded engine: DynamoDB in this process, kept in a folder, shared with others through a door.

One process owns the data folder and works on memory, with a journal on the disk. Any other process that
wants the same data (the operator's command line, while the server runs) talks to the owner over the door
that `engine.json` in the folder names.
"""

from __future__ import annotations

import atexit
import http.client
import sys
import threading
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from chalicelib.local.backends import Backends
from chalicelib.local.client import local_client
from chalicelib.local.folder import POLL_SECONDS, Folder, FolderInUse
from chalicelib.local.storage import Storage
from chalicelib.local.tables import create_tables

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from chalicelib.settings import Settings

DOOR_FILE = "engine.json"
PATIENCE_SECONDS = 10.0

_running: Engine | None = None
_starting = threading.Lock()


class Engine:
    """An open data folder, in memory. `backends` answers requests, and `folder` holds what is kept."""

    def __init__(self, settings: Settings, *, patience: float = 0.0) -> None:
        self.folder = Folder(Path(settings.data_dir).resolve())
        self.folder.own(patience=patience)
        # The door of an owner that was killed: somebody else may listen there by now.
        self.folder.remove(DOOR_FILE)
        try:
            self.backends = Backends()
            self._client = local_client()
            self.backends.attach(self._client)
            make_tables = partial(
                create_tables, self._client, catalog=settings.catalog_table, objects=settings.objects_table
            )
            self._storage = Storage(self.folder.path, self.backends, self._client, make_tables, tell)
        except BaseException:
            self.folder.release()
            raise
        self.backends.keeper = self._storage

    def dynamodb(self) -> DynamoDBClient:
        """A client of this engine; it may be shared by threads."""
        return self._client

    def announce(self, door: str) -> None:
        """Tells other processes where the engine can be reached."""
        self.folder.write(DOOR_FILE, {"door": door})

    def close(self) -> None:
        """Everything is on the disk, and the folder is free. Requests still under way are not answered."""
        with self.backends.lock:
            self.folder.remove(DOOR_FILE)
            self._storage.close()
            self.backends.keeper = _Closed()
            self.folder.release()


class _Closed:
    """Keeps nothing: the engine has been closed."""

    def change(self, request: object) -> None:
        """Nothing is answered that may not be true any more."""
        raise RuntimeError("the embedded engine is closed")

    def keep(self, change: object) -> None:
        """Never called."""


def start(settings: Settings, *, patience: float = 0.0) -> Engine:
    """The engine of this process, opened now unless it already is. Raises FolderInUse."""
    global _running  # noqa: PLW0603 one engine a process, as there is one lock on the folder
    with _starting:
        if _running is None:
            _running = Engine(settings, patience=patience)
            atexit.register(stop)
        return _running


def stop() -> None:
    """Closes the engine of this process, if it is open."""
    global _running
    with _starting:
        engine, _running = _running, None
        if engine is not None:
            atexit.unregister(stop)
            engine.close()


def connect(settings: Settings, *, patience: float = PATIENCE_SECONDS) -> DynamoDBClient:
    """A client of the data folder: of an engine here where the folder is free, else of its owner's door.

    Waits a little for an owner that is starting, restarting or about to finish. Raises FolderInUse.
    """
    deadline = time.monotonic() + patience
    while True:
        try:
            return start(settings).dynamodb()
        except FolderInUse:
            door = Folder(Path(settings.data_dir).resolve()).read(DOOR_FILE).get("door")
            if isinstance(door, str) and _answers(door):
                return local_client(door)
            if time.monotonic() >= deadline:
                raise
        time.sleep(POLL_SECONDS)


def tell(message: str) -> None:
    """One line to whoever started this process."""
    print(f"embedded engine: {message}", file=sys.stderr, flush=True)


def _answers(door: str) -> bool:
    address = urlsplit(door)
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=2)
    try:
        connection.request("GET", "/")
        return connection.getresponse().getheader("Server", "").startswith("buckets-door")
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
