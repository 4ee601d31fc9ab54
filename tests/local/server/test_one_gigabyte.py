"""A file of 1 GB on the local server: `make test-large-files`."""

from __future__ import annotations

import time
import urllib.request
from pathlib import Path

import pytest

from tests.local.server.conftest import Run
from tests.support.large_files import ARRIVAL_SECONDS, MAX_PEAK_MB, SIZE, if_enabled, new_film, peak_megabytes, put
from tests.support.running import wait_until

UPLOADS = "/v1/buckets/films/uploads"


@if_enabled
def test_a_file_of_1_gb_becomes_an_object_without_being_in_memory(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server, film = run("--no-autoreload").ready(), new_film(tmp_path)
    body = {"bucket_name": "films", "bucket_schema": {"properties": {"film": {"type": "video"}}}}
    assert server.call("POST", "/v1/buckets", body)[0] == 200
    declared = {"filename": "film.mp4", "content_type": "video/mp4", "file_size_bytes": SIZE}
    status, upload = server.call("POST", UPLOADS, declared)
    assert status == 200, upload
    before, started = peak_megabytes(server.process.pid), time.monotonic()
    put(upload["presigned_url"], film)
    stored = time.monotonic()
    path = f"{UPLOADS}/{upload['upload_id']}"
    done = wait_until(
        lambda: (found := server.call("GET", path)[1])["status"] == "COMPLETED" and found, ARRIVAL_SECONDS
    )
    checked, peak = time.monotonic(), peak_megabytes(server.process.pid)
    with capsys.disabled():
        print(
            f"\nlocal server, 1 GB: PUT {stored - started:.0f} s, then {checked - stored:.0f} s until the object; "
            f"peak of the server {peak} MB ({before} MB before)"
        )
    assert done["file_hash"] == film.sha256
    assert peak < MAX_PEAK_MB
    shown = server.call("GET", f"{path}?return_presigned_urls=true")[1]
    with urllib.request.urlopen(shown["presigned_url"]) as response:
        assert int(response.headers["Content-Length"]) == SIZE
