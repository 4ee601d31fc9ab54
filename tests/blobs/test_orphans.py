"""Bytes that no object refers to are found, and nothing else is."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from click.testing import CliRunner, Result

from chalicelib.admin.__main__ import admin
from chalicelib.blobs.orphans import orphans
from chalicelib.blobs.store import BlobStore, Held
from chalicelib.blobs.writer import blob_key
from tests.support.api import Api
from tests.support.objects import POSTER, blob_keys, create_object_bucket, created, text
from tests.support.world import World

NOW = datetime.now(UTC)
PLAIN: dict[str, Any] = {"mime_type": None, "filename": None, "storage_class": None}


def left(world: World, bucket_id: str, object_id: str, blob_id: str = "blob_lost") -> str:
    """Bytes that nobody refers to."""
    key = blob_key(bucket_id, object_id, blob_id)
    world.services.blobs.put(key, b"lost", **PLAIN)
    return key


def found(world: World, *, before: datetime = NOW + timedelta(days=1)) -> list[str]:
    listing = world.services.blobs.listing("")
    return [held.key for held in orphans(world.services.objects.store, listing, before=before)]


def run(world: World, *words: str) -> Result:
    return CliRunner().invoke(admin, ["blobs", "orphans", *words], obj=lambda: world.services)


def test_files_of_objects_are_no_orphans(world: World, api: Api) -> None:
    bucket_id = create_object_bucket(api)
    for number in range(3):
        created(api, bucket_id, {"take": number, "blobs": [POSTER, text()]})
    assert found(world) == []


def test_bytes_that_no_object_refers_to_are_orphans(world: World, api: Api) -> None:
    one, other = create_object_bucket(api, "one"), create_object_bucket(api, "other")
    with_files = [created(api, bucket, {"blobs": [POSTER, text()]})["object_id"] for bucket in (one, other, one)]
    lost = [
        left(world, one, with_files[0]),
        left(world, one, with_files[2]),
        left(world, one, "obj_never_made"),
        left(world, other, with_files[0]),
        left(world, "bkt_gone", "obj_gone"),
    ]
    assert sorted(found(world)) == sorted(lost)


def test_more_objects_than_one_read_takes_are_looked_at(world: World, api: Api) -> None:
    bucket_id = create_object_bucket(api)
    lost = [left(world, bucket_id, f"obj_{number:03}", f"blob_{twin}") for number in range(130) for twin in (1, 2)]
    created(api, bucket_id, {"blobs": [POSTER]})
    assert sorted(found(world)) == lost


def test_hidden_objects_keep_their_files(world: World, api: Api) -> None:
    bucket_id = create_object_bucket(api)
    hidden = created(api, bucket_id, {"blobs": [POSTER]})["object_id"]
    api.post(f"/v1/buckets/{bucket_id}/objects/bulk-soft-delete", {"object_ids": [hidden], "reason": "x"})
    assert found(world) == []


def test_young_bytes_may_be_of_a_request_under_way(world: World) -> None:
    left(world, "bkt_1", "obj_1")
    assert found(world, before=NOW - timedelta(hours=1)) == []


@pytest.mark.parametrize("key", ["uploads/bkt_1/obj_1/blob_1", "blobs/x", "blobs/bkt_1/obj_1/blob_1/part", "blobs"])
def test_keys_of_another_form_are_left_alone(world: World, key: str) -> None:
    held = [Held(key, 1, NOW - timedelta(days=9))]
    assert list(orphans(world.services.objects.store, held, before=NOW)) == []


# At the command line, which finds nothing that is younger than an hour


@pytest.fixture
def aged(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything was stored two hours ago."""
    listing = world.services.blobs.listing

    def earlier(prefix: str) -> Any:
        return (Held(each.key, each.size_bytes, each.stored_at - timedelta(hours=2)) for each in listing(prefix))

    monkeypatch.setattr(world.services.blobs, "listing", earlier)


def test_nothing_young_is_listed(world: World) -> None:
    left(world, "bkt_1", "obj_1")
    result = run(world, "--all", "--remove", "--json")
    assert (result.exit_code, json.loads(result.stdout)) == (0, [])
    assert len(blob_keys(world)) == 1


@pytest.mark.usefixtures("aged")
def test_orphans_are_listed_and_stay(world: World) -> None:
    key = left(world, "bkt_1", "obj_1")
    (row,) = json.loads(run(world, "--all", "--json").stdout)
    assert (row["key"], row["size_bytes"]) == (key, 4)
    assert key in run(world, "--all").stdout
    assert blob_keys(world) == [key]
    assert json.loads(run(world, "--all", "--json", "--older-than", "3h").stdout) == []


@pytest.mark.usefixtures("aged")
def test_orphans_are_removed_when_told(world: World, api: Api) -> None:
    bucket_id = create_object_bucket(api)
    created(api, bucket_id, {"blobs": [POSTER]})
    kept = blob_keys(world)
    for number in range(3):
        left(world, bucket_id, f"obj_{number}")
    result = run(world, "--all", "--remove", "--json")
    assert len(json.loads(result.stdout)) == 3
    assert "3 of 3 removed" in result.stderr
    assert blob_keys(world) == kept


@pytest.mark.usefixtures("aged")
def test_one_bucket_is_looked_at_alone(world: World, api: Api) -> None:
    one, other = create_object_bucket(api, "one"), create_object_bucket(api, "other")
    wanted, elsewhere = left(world, one, "obj_1"), left(world, other, "obj_1")
    words = ["--organization", world.organization_id, "--namespace", "films", "one", "--json", "--remove"]
    assert [row["key"] for row in json.loads(run(world, *words).stdout)] == [wanted]
    assert blob_keys(world) == [elsewhere]


@pytest.mark.usefixtures("aged")
def test_progress_is_told_beside_the_answer(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chalicelib.admin.blobs.TOLD_EVERY", 2)
    for number in range(5):
        left(world, "bkt_1", f"obj_{number}")
    result = run(world, "--all", "--json")
    assert len(json.loads(result.stdout)) == 5
    assert "4 looked at" in result.stderr


def test_a_missing_s3_bucket_is_one_line(world: World) -> None:
    nowhere = replace(world.services, blobs=BlobStore(lambda: world.s3, "nowhere"))
    result = CliRunner().invoke(admin, ["blobs", "orphans", "--all"], obj=lambda: nowhere)
    assert result.exit_code == 1
    assert "BUCKETS_BLOB_BUCKET" in result.stderr


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["one"],
        ["--namespace", "films", "one"],
        ["--all", "one"],
        ["--all", "--older-than", "0h"],
        ["--older-than", "x"],
    ],
)
def test_arguments_that_do_not_go_together_are_refused(world: World, words: list[str]) -> None:
    result = run(world, *words)
    assert result.exit_code == 2
    assert result.stdout == ""
