"""The restore drill: rows and files of one moment are restored into a new stage, as docs/how-to/operating.md describes.

The emulator restores a table as it is now, and not as it was at a moment. So the drill restores the tables at the
moment itself, before the loss. The files are restored after it, from the versions that the emulator keeps.
"""

from __future__ import annotations

import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from tests.contract.conftest import new_sdk
from tests.deployed.emulator import Emulator, eventually
from tests.deployed.stage import StageOnEmulator
from tests.support.objects import PNG, POSTER

SCHEMA = {"properties": {"film_id": {"type": "string"}, "poster": {"type": "image"}}}
RESTORED = {"CatalogTableName": "restored-catalog", "ObjectsTableName": "restored-objects"}


@pytest.fixture
def restored_tables(emulator: Emulator) -> Iterator[Callable[[StageOnEmulator], None]]:
    """Restores both tables of a stage into new tables, which are removed after the test."""
    dynamodb = emulator.client("dynamodb")

    def restore(stage: StageOnEmulator) -> None:
        for output, target in RESTORED.items():
            source = stage.outputs[output]
            dynamodb.restore_table_to_point_in_time(
                SourceTableName=source, TargetTableName=target, UseLatestRestorableTime=True
            )

    yield restore
    for target in RESTORED.values():
        dynamodb.delete_table(TableName=target)


def test_rows_and_files_of_one_moment_are_restored(
    new_stage: Callable[[str], StageOnEmulator], restored_tables: Callable[[StageOnEmulator], None]
) -> None:
    old, new = new_stage("damaged"), new_stage("restored")
    key = old.deploy().exports["MIXPEEK_API_KEY"]
    sdk = new_sdk(old.address, key, "default")
    sdk.client.buckets.create(name="posters", bucket_schema=SCHEMA)
    made = sdk.client.buckets.upload("posters", data=POSTER["data"], film_id="tt0017136")
    eventually(lambda: bool(sdk.client.buckets.get("posters").object_count == 1))
    moment = datetime.now(UTC)
    restored_tables(old)

    s3, files = old.emulator.client("s3"), old.outputs["BlobBucketName"]
    sdk.objects.delete_object_buckets("posters", made.object_id)
    eventually(lambda: s3.list_objects_v2(Bucket=files).get("KeyCount") == 0)
    sdk.client.buckets.upload("posters", data=POSTER["data"], film_id="tt0000417")

    assert new.deploy().exit_code == 0
    copied = new.run("copy-files", f"--blob-bucket={files}", f"--moment={moment.isoformat()}")
    assert (copied.exit_code, "Copied 1 files; 0 were there already" in copied.progress) == (0, True), copied.progress
    tables = (f"--catalog-table={RESTORED['CatalogTableName']}", f"--objects-table={RESTORED['ObjectsTableName']}")
    assert new.run("copy", *tables, f"--blob-bucket={files}").exit_code == 0

    restored = new_sdk(new.address, key, "default")
    eventually(lambda: bool(restored.client.buckets.get("posters").object_count == 1))
    found = restored.objects.get_object_buckets("posters", made.object_id, return_presigned_urls=True)
    with urllib.request.urlopen(found.blobs[0].presigned_url, timeout=10) as response:
        assert response.read() == PNG
    new.admin("stats", "verify", "--all")
    assert len(new.admin("blobs", "orphans", "--all").splitlines()) <= 1, "no file is missing"
