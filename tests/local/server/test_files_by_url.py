"""Files by URL on a server in a process of its own: the object gets its file, and the statistics count it."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.local.server.conftest import Run
from tests.mirroring.scenes import Host, hosting, reply_with
from tests.support.running import ServerProcess, wait_until
from tests.uploads.scenes import PNG, sha256

SCHEMA = {"properties": {"title": {"type": "string"}, "poster": {"type": "image"}}}
OBJECTS = "/v1/buckets/films/objects"
PRIVATE = {"BUCKETS_ALLOW_PRIVATE_URLS": "true"}


@pytest.fixture
def host() -> Iterator[Host]:
    with hosting(reply_with(PNG, "Content-Type: image/png")) as made:
        yield made


def start(run: Run, **environment: str) -> ServerProcess:
    return run("--no-autoreload", **environment).ready()


def create(server: ServerProcess, host: Host) -> Any:
    url = f"http://127.0.0.1:{host.receiver.port}/still.png"
    blob = {"property": "poster", "type": "image", "data": url}
    status, made = server.call("POST", OBJECTS, {"title": "Metropolis", "blobs": [blob]})
    assert status == 200, made
    return made


def mirror(server: ServerProcess, made: Any) -> Any:
    return server.call("GET", f"{OBJECTS}/{made['object_id']}")[1]["blobs"][0]["properties"]["mirror"]


def test_the_object_gets_its_file_and_the_bucket_counts_it(run: Run, host: Host) -> None:
    server = start(run, **PRIVATE)
    assert server.call("POST", "/v1/buckets", {"bucket_name": "films", "bucket_schema": SCHEMA})[0] == 200
    made = create(server, host)
    wait_until(lambda: mirror(server, made)["status"] == "COMPLETED")
    _, stored = server.call("GET", f"{OBJECTS}/{made['object_id']}?return_presigned_urls=true")
    blob = stored["blobs"][0]
    assert blob["details"] == {
        "filename": "still.png",
        "size_bytes": len(PNG),
        "mime_type": "image/png",
        "hash": f"sha256:{sha256(PNG)}",
    }
    assert blob["presigned_url"] is not None
    wait_until(lambda: server.call("GET", "/v1/buckets/films")[1]["total_size_bytes"] == len(PNG))
    assert host.requests == 1


def test_a_file_that_was_not_copied_before_a_kill_is_copied_after_the_next_start(run: Run, host: Host) -> None:
    reached = threading.Event()

    def silent(accepted: socket.socket) -> None:
        reached.set()
        accepted.recv(1)

    host.reply(silent)
    server = start(run, **PRIVATE)
    assert server.call("POST", "/v1/buckets", {"bucket_name": "films", "bucket_schema": SCHEMA})[0] == 200
    made = create(server, host)
    assert reached.wait(30)
    server.signal(signal.SIGKILL)
    server.wait_for_exit()
    host.reply(reply_with(PNG))
    server = start(run, **PRIVATE)
    wait_until(lambda: mirror(server, made)["status"] == "COMPLETED")
    wait_until(lambda: server.call("GET", "/v1/buckets/films")[1]["total_size_bytes"] == len(PNG))


def test_private_addresses_need_the_setting_for_development(run: Run, host: Host) -> None:
    server = start(run)
    assert server.call("POST", "/v1/buckets", {"bucket_name": "films", "bucket_schema": SCHEMA})[0] == 200
    blob = {"property": "poster", "type": "image", "data": f"http://127.0.0.1:{host.receiver.port}/a.png"}
    status, refused = server.call("POST", OBJECTS, {"title": "M", "blobs": [blob]})
    assert (status, refused["error"]["details"]["validation_errors"][0]["type"]) == (422, "url_invalid")
    assert host.requests == 0
