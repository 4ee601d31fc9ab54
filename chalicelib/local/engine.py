"""The embedded engine: DynamoDB and S3 in this process, with their data in a folder.

One process owns the data folder. It works in memory and writes every change to the disk. Other processes that need
the same data (for example the operator's commands while the server runs) connect to the owner's AWS endpoint. The
file `engine.json` in the folder holds the URL of that endpoint.
"""

from __future__ import annotations

import atexit
import http.client
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from chalicelib.local.client import local_client, local_s3_client
from chalicelib.local.credential import AwsCredential, ensure_credential, read_credential
from chalicelib.local.events.arrivals import Arrivals
from chalicelib.local.events.pump import SHUTDOWN_SECONDS, Pump, Source
from chalicelib.local.events.streams import Streams, is_final_state
from chalicelib.local.journal.files import Files
from chalicelib.local.journal.folder import LOOPBACK, POLL_SECONDS, Folder, FolderInUse
from chalicelib.local.journal.set_aside import set_aside, set_aside_if_odd
from chalicelib.local.journal.storage import Storage
from chalicelib.local.moto.backends import Backends, ChangeStores
from chalicelib.local.moto.direct_calls import call_directly
from chalicelib.local.moto.rows import table_names
from chalicelib.local.tables import create_tables

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

    from chalicelib.settings import Settings

ENDPOINT_FILE = "engine.json"
# The final positions of the streams. The file exists only while no process owns the folder, and only if every
# record of the streams had been delivered.
STREAMS_FILE = "streams.json"
FOLDER_WAIT_SECONDS = 10.0

_running: Engine | None = None
_start_lock = threading.Lock()


class Engine:
    """An open data folder. `backends` processes the AWS requests, `folder` holds the files.

    `arrivals` reports the files of uploads. The clients of the AWS endpoint sign their requests with `credential`.
    """

    def __init__(self, settings: Settings, *, wait_seconds: float = 0.0) -> None:
        """Raises FolderInUse when another process owns the folder for longer than `wait_seconds`."""
        self.folder = Folder(Path(settings.data_dir).resolve())
        self.folder.own(wait_seconds=wait_seconds)
        # The file of an owner that was killed. Another program may listen on that port by now.
        self.folder.remove(ENDPOINT_FILE)
        saved = self._take_stream_state()
        self._pumps: tuple[Pump, ...] = ()
        try:
            self.credential = ensure_credential(self.folder)
            self.backends = Backends()
            self._client = local_client()
            self.backends.attach(self._client)
            call_directly(self._client, self.backends)
            self._storage = Storage(
                self.folder.path,
                self.backends,
                self._client,
                partial(self._make_tables, settings),
                report,
                saved.get("last", 0),
            )
            files = Files(self.folder.path, self.backends, report)
            files.make_bucket(settings.blob_bucket)
        except BaseException:
            self.folder.release()
            raise
        # The saved positions are valid only for exactly the data that they were saved with.
        is_valid = self._storage.intact and saved.get("last") == self._storage.last
        self.streams = Streams(self.backends, saved if is_valid else {})
        self.arrivals = Arrivals(files, settings.blob_bucket)
        self.backends.contents = files.contents
        self.backends.change_store = ChangeStores(self._storage, self.arrivals)

    def _make_tables(self, settings: Settings) -> None:
        """Creates the tables that do not exist."""
        names = {settings.catalog_table, settings.objects_table}
        if not names <= {*table_names(self.backends.account)}:
            create_tables(self._client, catalog=settings.catalog_table, objects=settings.objects_table)

    def _take_stream_state(self) -> dict[str, Any]:
        """Returns the final state of the streams of the previous owner, or {} if there is none, and removes the file.

        A malformed file is set aside.
        """
        path = self.folder.path / STREAMS_FILE
        if set_aside_if_odd(path, report) or not path.exists():
            return {}
        saved = self.folder.read(STREAMS_FILE)
        if not is_final_state(saved) or type(saved.get("last")) is not int:
            set_aside(path, "is malformed: the statistics are counted again", report)
            return {}
        self.folder.remove(STREAMS_FILE)
        return saved

    def dynamodb(self) -> DynamoDBClient:
        """Returns a DynamoDB client of this engine. Threads may share it."""
        return self._client

    def s3(self, endpoint: str) -> S3Client:
        """Returns an S3 client of this engine. The URLs that it presigns start with `endpoint`."""
        client = local_s3_client(endpoint, self.credential)
        self.backends.attach(client)
        return client

    def publish_endpoint(self, endpoint: str) -> None:
        """Writes the URL of the AWS endpoint to the folder, where other processes find it."""
        self.folder.write(ENDPOINT_FILE, {"door": endpoint})  # the name in the files of earlier versions

    @property
    def is_delivering(self) -> bool:
        """Whether the engine's events are delivered to event handlers."""
        return bool(self._pumps)

    def start_delivery(self, *sources: Source, others: Sequence[Pump] = ()) -> None:
        """Starts a thread that delivers the events of these sources after each write, and starts the other pumps.

        They run until the engine closes.
        """
        self._pumps = (*others, Pump(self.backends.new_writes, sources))
        for pump in self._pumps:
            pump.start()

    def stop_delivery(self) -> None:
        """Delivers the waiting events, if the handlers accept them at once, and then stops the delivery.

        The other pumps are stopped first, because what their handlers write causes events.
        """
        for pump in self._pumps[:-1]:
            pump.ask_to_stop()
        deadline = time.monotonic() + SHUTDOWN_SECONDS
        for pump in self._pumps[:-1]:
            pump.stop(max(0.0, deadline - time.monotonic()))
        for pump in self._pumps[-1:]:
            pump.stop()
        self._pumps = ()

    def close(self) -> None:
        """Writes everything to the disk and releases the folder. Requests that are still running fail."""
        self.stop_delivery()
        with self.backends.lock:
            self.folder.remove(ENDPOINT_FILE)
            final = self.streams.final_state()
            self._storage.close()
            if final:
                with suppress(OSError):  # without the file, the next start rebuilds the statistics
                    self.folder.write(STREAMS_FILE, final | {"last": self._storage.last})
            self.backends.change_store = _ClosedStore()
            self.folder.release()


class _ClosedStore:
    """The change store of an engine that has been closed."""

    def change_of(self, request: object) -> None:
        """Rejects every request, also reads: another process may change the data now."""
        raise RuntimeError("the embedded engine is closed")

    def save(self, change: object) -> None:
        """Is never called, because `change_of` always raises."""


def start(settings: Settings, *, wait_seconds: float = 0.0) -> Engine:
    """Returns the engine of this process, and opens it if it is not open. Raises FolderInUse."""
    global _running  # noqa: PLW0603 one engine per process, because there is one lock per folder
    with _start_lock:
        if _running is None:
            _running = Engine(settings, wait_seconds=wait_seconds)
            atexit.register(stop)
        return _running


def stop() -> None:
    """Closes the engine of this process, if it is open."""
    global _running
    if _running is not None:
        # Before the lock is taken: the handlers of the last events may ask for a client, which needs the lock.
        _running.stop_delivery()
    with _start_lock:
        engine, _running = _running, None
        if engine is not None:
            atexit.unregister(stop)
            engine.close()


def current_engine() -> Engine | None:
    """Returns the engine of this process, or None if it is not open."""
    return _running


def connect(settings: Settings, *, wait_seconds: float = FOLDER_WAIT_SECONDS) -> DynamoDBClient:
    """Returns a DynamoDB client for the data folder.

    If no process owns the folder, this process opens it. Otherwise the client calls the owner's AWS endpoint. Waits up
    to `wait_seconds` for an owner that is starting or ending, then raises FolderInUse.
    """
    found = _engine_or_endpoint(settings, wait_seconds)
    return found.dynamodb() if isinstance(found, Engine) else local_client(*found)


def connect_s3(settings: Settings, *, wait_seconds: float = FOLDER_WAIT_SECONDS) -> S3Client:
    """Returns an S3 client for the data folder, in the same way as `connect`.

    If this process owns the folder, presigned URLs start with the endpoint on the port after that of the settings.
    """
    found = _engine_or_endpoint(settings, wait_seconds)
    if isinstance(found, Engine):
        return found.s3(f"http://{LOOPBACK}:{settings.port + 1}")
    return local_s3_client(*found)


def _engine_or_endpoint(settings: Settings, wait_seconds: float) -> Engine | tuple[str, AwsCredential]:
    """Returns the engine of this process, or the URL and the credential of the AWS endpoint of the folder's owner."""
    deadline = time.monotonic() + wait_seconds
    while True:
        try:
            return start(settings)
        except FolderInUse:
            folder = Folder(Path(settings.data_dir).resolve())
            endpoint, credential = folder.read(ENDPOINT_FILE).get("door"), read_credential(folder)
            if isinstance(endpoint, str) and credential is not None and _is_listening(endpoint):
                return endpoint, credential
            if time.monotonic() >= deadline:
                raise
        time.sleep(POLL_SECONDS)


def report(message: str) -> None:
    """Prints one line to standard error."""
    print(f"embedded engine: {message}", file=sys.stderr, flush=True)


def _is_listening(endpoint: str) -> bool:
    """Returns whether an AWS endpoint of an embedded engine, and no other server, responds at this URL."""
    address = urlsplit(endpoint)
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=2)
    try:
        connection.request("GET", "/")
        return connection.getresponse().getheader("Server", "").startswith("buckets-door")
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
