"""A data folder that an older version wrote is served by this version: rows, files and statistics are as they were.

`folders/0.82` was written by version 0.82. `closed` is of a server that was stopped, `killed` of one that was killed
while it deleted another bucket. `expected.json` has the responses of that version.
"""

from __future__ import annotations

import json
import shutil
import signal
import sys
import urllib.request
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support.ports import free_pair
from tests.support.running import ServerProcess

ROOT = Path(__file__).parents[2]
OLDER = Path(__file__).parent / "folders" / "0.82"
EXPECTED: dict[str, Any] = json.loads((OLDER / "expected.json").read_text())
KEY = "sk_of_a_folder_of_an_older_version"


def serve(data: Path) -> ServerProcess:
    """A server on this data folder that is ready for requests."""
    port = free_pair()
    command = [sys.executable, "-m", "chalicelib.local", "--no-autoreload", "--port", str(port)]
    server = ServerProcess(
        command, data.parent, port, PYTHONPATH=str(ROOT), BUCKETS_DATA_DIR=str(data), BUCKETS_DEV_KEY=KEY
    )
    return server.ready()


def without_statistics_time(bucket: dict[str, Any]) -> dict[str, Any]:
    """The bucket without the time at which its statistics were last folded: a start after a kill counts again."""
    return {name: value for name, value in bucket.items() if name != "stats_updated_at"}


@pytest.mark.parametrize("folder", ["closed", "killed"])
def test_a_folder_of_an_older_version_is_served_and_can_be_written(tmp_path: Path, folder: str) -> None:
    data = tmp_path / "data"
    shutil.copytree(OLDER / folder, data)
    server = serve(data)
    try:
        status, bucket = server.call("GET", "/v1/buckets/posters")
        assert status == 200
        assert without_statistics_time(bucket) == without_statistics_time(EXPECTED[folder]["bucket"])
        status, page = server.call("POST", "/v1/buckets/posters/objects/list", {"limit": 10})
        assert (status, page["results"]) == (200, EXPECTED[folder]["objects"])

        first = page["results"][0]["object_id"]
        path = f"/v1/buckets/posters/objects/{first}"
        shown = server.call("GET", f"{path}?return_presigned_urls=true")[1]
        with closing(urllib.request.urlopen(shown["blobs"][1]["presigned_url"])) as download:
            assert download.read().decode() == shown["blobs"][1]["properties"]["text"]
        assert server.call("PATCH", path, {"note": "written by this version"})[1]["note"] == "written by this version"
        assert server.call("POST", "/v1/buckets/posters/objects", {"film_id": "tt1"})[0] == 200
        assert server.objects("posters") == len(EXPECTED[folder]["objects"])
    finally:
        server.signal(signal.SIGTERM)
        server.wait_for_exit()
