"""A file of 1 GB through the deployed functions: `make test-large-files`.

The emulator runs functions in processes of their own. Its own process keeps the file in memory.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from mixpeek.api.bucket_uploads_api import BucketUploadsApi
from mixpeek.models.create_upload_request import CreateUploadRequest

from tests.contract.conftest import Sdk
from tests.deployed.emulator import Emulator
from tests.support.large_files import (
    ARRIVAL_SECONDS,
    MAX_PEAK_MB,
    SIZE,
    descendants,
    if_enabled,
    new_film,
    peak_megabytes,
    put,
)
from tests.support.running import wait_until


@if_enabled
def test_a_file_of_1_gb_becomes_an_object_without_being_in_the_memory_of_a_function(
    sdk: Sdk, emulator: Emulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    film = new_film(tmp_path)
    schema = {"properties": {"film": {"type": "video"}}}
    bucket = sdk.client.buckets.create(name="one gigabyte", bucket_schema=schema).bucket_id
    api = BucketUploadsApi(sdk.buckets.api_client)
    declared = CreateUploadRequest(filename="film.mp4", content_type="video/mp4", file_size_bytes=SIZE)
    upload = api.create_upload_buckets(bucket, declared)
    started, peaks = time.monotonic(), {0: 0}
    put(str(upload.presigned_url), film, "--cacert", emulator.certificate)
    stored = time.monotonic()

    def found() -> Any:
        # A process whose function has ended may not be there at the end.
        for pid in descendants(emulator.pid):
            peaks[pid] = max(peaks.get(pid, 0), peak_megabytes(pid))
        current: Any = api.get_upload_buckets(bucket, upload.upload_id)
        return current if current["status"] == "COMPLETED" else None

    done = wait_until(found, ARRIVAL_SECONDS)
    found()
    with capsys.disabled():
        print(
            f"\nemulator, 1 GB: PUT {stored - started:.0f} s, then {time.monotonic() - stored:.0f} s until the object; "
            f"peak of a function {max(peaks.values())} MB of {len(peaks) - 1} processes"
        )
    assert done["file_hash"] == film.sha256
    assert 0 < max(peaks.values()) < MAX_PEAK_MB
