"""The compared servers: how each is installed and started, and its form of the same four requests."""

from __future__ import annotations

import shutil
import sys
import uuid
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.peers.environments import NotInstalled, python_of
from bench.servers.load import Client, Request
from bench.servers.process import NotAvailable, free_port, run, running

ROOT = Path(__file__).parents[2]
POCKETBASE = "github.com/pocketbase/pocketbase/examples/base"
# The last version that Go 1.26 compiles.
POCKETBASE_VERSION = "v0.36.8"
KINTO_SETTINGS = """
[app:main]
use = egg:kinto
kinto.storage_backend = kinto.core.storage.memory
kinto.cache_backend = kinto.core.cache.memory
kinto.permission_backend = kinto.core.permission.memory
kinto.userid_hmac_secret = bench
kinto.bucket_create_principals = system.Authenticated
multiauth.policies = basicauth

[server:main]
use = egg:waitress#main
host = 127.0.0.1
port = {port}
threads = 8

[loggers]
keys = root

[handlers]
keys =

[formatters]
keys =

[logger_root]
level = ERROR
handlers =
"""


@dataclass(slots=True)
class Side:
    """A running server. `ids` are those of the buckets that it has been filled with; the first has the objects."""

    port: int
    headers: dict[str, str]
    create: Callable[[int], Request]
    id_of: Callable[[Any], str]
    get: Callable[[str], Request]
    page: Request
    create_object: Callable[[str, int], Request]
    prepare: Sequence[Callable[[str], Request]] = ()
    ids: list[str] = field(default_factory=list)

    @contextmanager
    def clients(self, count: int) -> Iterator[list[Client]]:
        """Yields new clients: a server may close connections that wait while another server is measured."""
        clients = [Client(self.port, self.headers) for _ in range(count)]
        try:
            yield clients
        finally:
            for each in clients:
                each.close()

    def operations(self) -> dict[str, Callable[[int], Request]]:
        """Returns the operations that are measured. Each gets the number of the request."""
        return {
            "create a bucket": self.create,
            "get a bucket": lambda number: self.get(self.ids[number * 7919 % len(self.ids)]),
            "list 20 buckets": lambda _: self.page,
            "create an object": lambda number: self.create_object(self.ids[0], number),
        }


Start = Callable[[Path], AbstractContextManager[Side]]


@contextmanager
def local_server(folder: Path) -> Iterator[Side]:
    """Runs the local server. A later call with the same folder starts it again with its data."""
    port, key = free_port(), "sk_of_the_benchmark"
    command = [sys.executable, "-m", "chalicelib.local", "--no-autoreload", "--port", str(port)]
    environment = {"PYTHONPATH": str(ROOT), "BUCKETS_DATA_DIR": str(folder / "data"), "BUCKETS_DEV_KEY": key}
    schema = {"properties": {"title": {"type": "string"}}}
    with running(command, port, folder, environment):
        yield Side(
            port=port,
            headers={"Authorization": f"Bearer {key}", "X-Namespace": "default"},
            create=lambda _: Request("POST", "/v1/buckets", {"bucket_name": uuid.uuid4().hex, "bucket_schema": schema}),
            id_of=lambda response: str(response["bucket_id"]),
            get=lambda bucket: Request("GET", f"/v1/buckets/{bucket}"),
            page=Request("POST", "/v1/buckets/list?limit=20", {}),
            create_object=lambda bucket, number: Request(
                "POST", f"/v1/buckets/{bucket}/objects", {"title": f"Film {number}"}
            ),
        )


@contextmanager
def kinto(folder: Path) -> Iterator[Side]:
    """Runs Kinto with its memory backend."""
    try:
        python = python_of("kinto")
    except NotInstalled as error:
        raise NotAvailable(str(error)) from error
    port, settings = free_port(), folder / "kinto.ini"
    settings.write_text(KINTO_SETTINGS.format(port=port))
    command = [str(python.parent / "kinto"), "start", "--ini", str(settings), "--port", str(port)]
    with running(command, port, folder):
        yield Side(
            port=port,
            headers={"Authorization": f"Basic {b64encode(b'bench:secret').decode()}"},
            create=lambda number: Request("POST", "/v1/buckets", {"data": {"title": f"Bucket {number}"}}),
            id_of=lambda response: str(response["data"]["id"]),
            get=lambda bucket: Request("GET", f"/v1/buckets/{bucket}"),
            page=Request("GET", "/v1/buckets?_limit=20"),
            create_object=lambda bucket, number: Request(
                "POST", f"/v1/buckets/{bucket}/collections/objects/records", {"data": {"title": f"Film {number}"}}
            ),
            prepare=[lambda bucket: Request("PUT", f"/v1/buckets/{bucket}/collections/objects", {})],
        )


@contextmanager
def pocketbase(folder: Path) -> Iterator[Side]:
    """Runs PocketBase, which Go builds on first use. Its buckets and objects are records of two collections."""
    program, port, data = _pocketbase_program(), free_port(), f"--dir={folder / 'data'}"
    login = {"identity": "bench@example.org", "password": "a-long-password"}
    run(str(program), "superuser", "upsert", *login.values(), data)
    with running([str(program), "serve", f"--http=127.0.0.1:{port}", data, "--dev=false"], port, folder):
        client = Client(port, {})
        token = client.send(Request("POST", "/api/collections/_superusers/auth-with-password", login))["token"]
        client.close()
        client = Client(port, {"Authorization": token})
        for name in ("buckets", "objects"):
            fields = [{"name": each, "type": "text"} for each in ("title", "bucket")]
            client.send(Request("POST", "/api/collections", {"name": name, "type": "base", "fields": fields}))
        client.close()
        yield Side(
            port=port,
            headers={"Authorization": token},
            create=lambda number: Request("POST", "/api/collections/buckets/records", {"title": f"Bucket {number}"}),
            id_of=lambda response: str(response["id"]),
            get=lambda bucket: Request("GET", f"/api/collections/buckets/records/{bucket}"),
            page=Request("GET", "/api/collections/buckets/records?perPage=20"),
            create_object=lambda bucket, number: Request(
                "POST", "/api/collections/objects/records", {"title": f"Film {number}", "bucket": bucket}
            ),
        )


def _pocketbase_program() -> Path:
    program = ROOT / ".local" / "peers" / f"pocketbase-{POCKETBASE_VERSION}" / "base"
    if not program.exists():
        go = shutil.which("go")
        if go is None:
            raise NotAvailable("Go is required to build it, and is not installed")
        run(go, "install", f"{POCKETBASE}@{POCKETBASE_VERSION}", environment={"GOBIN": str(program.parent)})
    return program


SIDES: dict[str, Start] = {"Buckets API": local_server, "Kinto": kinto, "PocketBase": pocketbase}
