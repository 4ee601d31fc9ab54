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
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from chalicelib.local.client import local_client, local_s3_client
from chalicelib.local.events.pump import Pump, Source
from chalicelib.local.events.streams import Streams
from chalicelib.local.journal.files import Files
from chalicelib.local.journal.folder import LOOPBACK, POLL_SECONDS, Folder, FolderInUse
from chalicelib.local.journal.storage import Storage
from chalicelib.local.moto.backends import Backends, ChangeStores
from chalicelib.local.tables import create_tables

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

    from chalicelib.settings import Settings

ENDPOINT_FILE = "engine.json"
# Where the streams ended. Only there while nobody owns the folder, and if all they told had been delivered.
STREAMS_FILE = "streams.json"
FOLDER_WAIT_SECONDS = 10.0

_running: Engine | None = None
_starting = threading.Lock()


class Engine:
    """An open data folder, in memory. `backends` answers requests, and `folder` holds what is kept."""

    def __init__(self, settings: Settings, *, wait_seconds: float = 0.0) -> None:
        self.folder = Folder(Path(settings.data_dir).resolve())
        self.folder.own(wait_seconds=wait_seconds)
        # The door of an owner that was killed: somebody else may listen there by now.
        self.folder.remove(ENDPOINT_FILE)
        left = self.folder.read(STREAMS_FILE)
        self.folder.remove(STREAMS_FILE)
        self._pump: Pump | None = None
        try:
            self.backends = Backends()
            self._client = local_client()
            self.backends.attach(self._client)
            make_tables = partial(
                create_tables, self._client, catalog=settings.catalog_table, objects=settings.objects_table
            )
            self._storage = Storage(self.folder.path, self.backends, self._client, make_tables, report)
            files = Files(self.folder.path, self.backends, report)
            files.make_bucket(settings.blob_bucket)
        except BaseException:
            self.folder.release()
            raise
        # What the streams had ended with counts for the very state that it was written in.
        known = self._storage.sound and left.get("last") == self._storage.last
        self.streams = Streams(self.backends, left if known else {})
        self.backends.change_store = ChangeStores(self._storage, files)

    def dynamodb(self) -> DynamoDBClient:
        """A client of this engine; it may be shared by threads."""
        return self._client

    def s3(self, endpoint: str) -> S3Client:
        """A client of this engine; the URLs that it signs lead to the door."""
        client = local_s3_client(endpoint)
        self.backends.attach(client)
        return client

    def publish_endpoint(self, endpoint: str) -> None:
        """Tells other processes where the engine can be reached."""
        self.folder.write(ENDPOINT_FILE, {"door": endpoint})

    @property
    def is_delivering(self) -> bool:
        """Whether the engine's events go anywhere."""
        return self._pump is not None

    def start_delivery(self, *sources: Source) -> None:
        """From now on, until it closes, the sources of this engine get their turns whenever something was written."""
        self._pump = Pump(self.backends.news, sources)
        self._pump.start()

    def stop_delivery(self) -> None:
        """What waits is delivered, if that can be done at once; events go nowhere from then on."""
        if self._pump is not None:
            self._pump.stop()
            self._pump = None

    def close(self) -> None:
        """Everything is on the disk, and the folder is free. Requests still under way are not answered."""
        self.stop_delivery()
        with self.backends.lock:
            self.folder.remove(ENDPOINT_FILE)
            left = self.streams.ended()
            self._storage.close()
            if left:
                with suppress(OSError):  # then the next start counts
                    self.folder.write(STREAMS_FILE, left | {"last": self._storage.last})
            self.backends.change_store = _Closed()
            self.folder.release()


class _Closed:
    """Keeps nothing: the engine has been closed."""

    def change(self, request: object) -> None:
        """Nothing is answered that may not be true any more."""
        raise RuntimeError("the embedded engine is closed")

    def keep(self, change: object) -> None:
        """Never called."""


def start(settings: Settings, *, wait_seconds: float = 0.0) -> Engine:
    """The engine of this process, opened now unless it already is. Raises FolderInUse."""
    global _running  # noqa: PLW0603 one engine a process, as there is one lock on the folder
    with _starting:
        if _running is None:
            _running = Engine(settings, wait_seconds=wait_seconds)
            atexit.register(stop)
        return _running


def stop() -> None:
    """Closes the engine of this process, if it is open."""
    global _running
    if _running is not None:
        # The functions that get the last events may still ask for a client, which `_starting` would keep them from.
        _running.stop_delivery()
    with _starting:
        engine, _running = _running, None
        if engine is not None:
            atexit.unregister(stop)
            engine.close()


def current_engine() -> Engine | None:
    """The engine of this process, if it is open."""
    return _running


def connect(settings: Settings, *, wait_seconds: float = FOLDER_WAIT_SECONDS) -> DynamoDBClient:
    """A client of the data folder: of an engine here where the folder is free, else of its owner's door.

    Waits a little for an owner that is starting, restarting or about to finish. Raises FolderInUse.
    """
    found = _reach(settings, wait_seconds)
    return local_client(found) if isinstance(found, str) else found.dynamodb()


def connect_s3(settings: Settings, *, wait_seconds: float = FOLDER_WAIT_SECONDS) -> S3Client:
    """Likewise a client for the bytes of files. The URLs that it signs lead to the door on the settings' next port."""
    found = _reach(settings, wait_seconds)
    if isinstance(found, str):
        return local_s3_client(found)
    return found.s3(f"http://{LOOPBACK}:{settings.port + 1}")


def _reach(settings: Settings, wait_seconds: float) -> Engine | str:
    """The engine of this process, or the door of the folder's owner."""
    deadline = time.monotonic() + wait_seconds
    while True:
        try:
            return start(settings)
        except FolderInUse:
            endpoint = Folder(Path(settings.data_dir).resolve()).read(ENDPOINT_FILE).get("door")
            if isinstance(endpoint, str) and _answers(endpoint):
                return endpoint
            if time.monotonic() >= deadline:
                raise
        time.sleep(POLL_SECONDS)


def report(message: str) -> None:
    """One line to whoever started this process."""
    print(f"embedded engine: {message}", file=sys.stderr, flush=True)


def _answers(endpoint: str) -> bool:
    address = urlsplit(endpoint)
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=2)
    try:
        connection.request("GET", "/")
        return connection.getresponse().getheader("Server", "").startswith("buckets-door")
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
