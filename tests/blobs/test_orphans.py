"""Finding the files that no object refers to."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from click.testing import CliRunner, Result

from chalicelib.admin.__main__ import admin
from chalicelib.blobs.file_version import StoredFile
from chalicelib.blobs.orphans import orphans
from chalicelib.blobs.store import BlobStore
from chalicelib.blobs.writer import blob_key
from tests.support.api import Api
from tests.support.catalog import partition_of
from tests.support.objects import POSTER, blob_keys, create_object_bucket, created, text
from tests.support.world import World

NOW = datetime.now(UTC)
PLAIN: dict[str, Any] = {"mime_type": None, "filename": None, "storage_class": None}


def store_unreferenced(world: World, bucket_id: str, object_id: str, blob_id: str = "blob_lost") -> str:
    """Stores a file that no object refers to. Returns its key."""
    key = blob_key(bucket_id, object_id, blob_id)
    world.services.blobs.put(key, b"lost", **PLAIN)
    return key


def found(world: World, *, before: datetime = NOW + timedelta(days=1)) -> list[str]:
    files = world.services.blobs.list_files("")
    objects, partition = world.services.objects, partition_of(world)
    needed = objects.shared_files(lambda _: partition).needed
    return [file.key for file in orphans(objects.store, files, before=before, needed=needed)]


def run(world: World, *arguments: str) -> Result:
    return CliRunner().invoke(admin, ["blobs", "orphans", *arguments], obj=lambda: world.services)


def test_referenced_files_are_not_listed(world: World, api: Api) -> None:
    bucket_id = create_object_bucket(api)
    for number in range(3):
        created(api, bucket_id, {"take": number, "blobs": [POSTER, text()]})
    assert found(world) == []


def test_files_that_no_object_refers_to_are_listed(world: World, api: Api) -> None:
    one, other = create_object_bucket(api, "one"), create_object_bucket(api, "other")
    with_files = [created(api, bucket, {"blobs": [POSTER, text()]})["object_id"] for bucket in (one, other, one)]
    lost = [
        store_unreferenced(world, one, with_files[0]),
        store_unreferenced(world, one, with_files[2]),
        store_unreferenced(world, one, "obj_never_made"),
        store_unreferenced(world, other, with_files[0]),
        store_unreferenced(world, "bkt_gone", "obj_gone"),
    ]
    assert sorted(found(world)) == sorted(lost)


def test_files_of_more_objects_than_one_read_returns_are_listed(world: World, api: Api) -> None:
    bucket_id = create_object_bucket(api)
    lost = [
        store_unreferenced(world, bucket_id, f"obj_{number:03}", f"blob_{part}")
        for number in range(130)
        for part in (1, 2)
    ]
    created(api, bucket_id, {"blobs": [POSTER]})
    assert sorted(found(world)) == lost


def test_files_of_soft_deleted_objects_are_not_listed(world: World, api: Api) -> None:
    bucket_id = create_object_bucket(api)
    object_id = created(api, bucket_id, {"blobs": [POSTER]})["object_id"]
    api.post(f"/v1/buckets/{bucket_id}/objects/bulk-soft-delete", {"object_ids": [object_id], "reason": "x"})
    assert found(world) == []


def test_recent_files_are_not_listed(world: World) -> None:
    store_unreferenced(world, "bkt_1", "obj_1")
    assert found(world, before=NOW - timedelta(hours=1)) == []


@pytest.mark.parametrize("key", ["uploads/bkt_1/obj_1/blob_1", "blobs/x", "blobs/bkt_1/obj_1/blob_1/part", "blobs"])
def test_other_keys_are_ignored(world: World, key: str) -> None:
    files = [StoredFile(key, 1, NOW - timedelta(days=9))]
    assert list(orphans(world.services.objects.store, files, before=NOW, needed=lambda *_: set())) == []


# The command, which ignores files that are younger than an hour


@pytest.fixture
def aged(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """All files seem to have been stored two hours ago."""
    list_files = world.services.blobs.list_files

    def list_aged(prefix: str, **more: Any) -> Any:
        return (
            StoredFile(each.key, each.size_bytes, each.stored_at - timedelta(hours=2))
            for each in list_files(prefix, **more)
        )

    monkeypatch.setattr(world.services.blobs, "list_files", list_aged)


def test_the_command_lists_no_recent_files(world: World) -> None:
    store_unreferenced(world, "bkt_1", "obj_1")
    result = run(world, "--all", "--remove", "--json")
    assert (result.exit_code, json.loads(result.stdout)) == (0, [])
    assert len(blob_keys(world)) == 1


@pytest.mark.usefixtures("aged")
def test_the_command_lists_orphans_and_keeps_them(world: World) -> None:
    key = store_unreferenced(world, "bkt_1", "obj_1")
    (row,) = json.loads(run(world, "--all", "--json").stdout)
    assert (row["problem"], row["key"], row["size_bytes"]) == ("unreferenced", key, 4)
    assert key in run(world, "--all").stdout
    assert blob_keys(world) == [key]
    assert json.loads(run(world, "--all", "--json", "--older-than", "3h").stdout) == []


@pytest.mark.usefixtures("aged")
def test_the_command_removes_orphans_with_remove(world: World, api: Api) -> None:
    bucket_id = create_object_bucket(api)
    created(api, bucket_id, {"blobs": [POSTER]})
    kept = blob_keys(world)
    for number in range(3):
        store_unreferenced(world, bucket_id, f"obj_{number}")
    result = run(world, "--all", "--remove", "--json")
    assert len(json.loads(result.stdout)) == 3
    assert "3 files removed" in result.stderr
    assert blob_keys(world) == kept


@pytest.mark.usefixtures("aged")
def test_the_command_can_be_limited_to_one_bucket(world: World, api: Api) -> None:
    one, other = create_object_bucket(api, "one"), create_object_bucket(api, "other")
    wanted, other_key = store_unreferenced(world, one, "obj_1"), store_unreferenced(world, other, "obj_1")
    arguments = ["--organization", world.organization_id, "--namespace", "films", "one", "--json", "--remove"]
    assert [row["key"] for row in json.loads(run(world, *arguments).stdout)] == [wanted]
    assert blob_keys(world) == [other_key]


@pytest.mark.usefixtures("aged")
def test_progress_is_printed_on_standard_error(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chalicelib.admin.bucket_selection.PROGRESS_EVERY", 2)
    for number in range(5):
        store_unreferenced(world, "bkt_1", f"obj_{number}")
    result = run(world, "--all", "--json")
    assert len(json.loads(result.stdout)) == 5
    assert "4 files examined" in result.stderr


def test_a_missing_s3_bucket_is_reported(world: World) -> None:
    without_bucket = replace(world.services, blobs=BlobStore(lambda: world.s3, "nowhere"))
    result = CliRunner().invoke(admin, ["blobs", "orphans", "--all"], obj=lambda: without_bucket)
    assert result.exit_code == 1
    assert "BUCKETS_BLOB_BUCKET" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["one"],
        ["--namespace", "films", "one"],
        ["--all", "one"],
        ["--all", "--older-than", "0h"],
        ["--older-than", "x"],
    ],
)
def test_contradictory_arguments_are_rejected(world: World, arguments: list[str]) -> None:
    result = run(world, *arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
