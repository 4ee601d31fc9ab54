"""`admin blobs orphans`: files of uploads that nothing refers to, and references to files that are missing."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from chalicelib import keys as row_keys
from chalicelib.admin.__main__ import admin
from chalicelib.aws.usage import track_usage
from chalicelib.blobs import missing_files as missing_files_module
from chalicelib.blobs.file_version import StoredFile
from chalicelib.blobs.missing_files import Reference, missing_files
from chalicelib.uploads.upload import STAGING_DAYS
from deployment.merge_template.template import merge_template
from tests.docs.markdown import DOCS
from tests.uploads.aging import HOUR, NOW, age, run
from tests.uploads.scenes import OTHER_PNG, PNG, Scene

WITHOUT_OBJECT: dict[str, Any] = {"create_object_on_confirm": False, "blob_property": None, "object_metadata": None}


@pytest.fixture(autouse=True)
def in_the_past(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    age(scene, monkeypatch)


def of_bucket(scene: Scene) -> list[str]:
    return ["--organization", scene.world.organization_id, "--namespace", "films", "films"]


def unreferenced(scene: Scene, **more: Any) -> list[str]:
    return [row["key"] for row in run(scene, **more) if row["problem"] == "unreferenced"]


def missing(scene: Scene, **more: Any) -> list[tuple[str, str]]:
    return [(row["referenced_by"], row["key"]) for row in run(scene, **more) if row["problem"] == "missing"]


def completed(scene: Scene, content: bytes = PNG, **more: Any) -> dict[str, Any]:
    """Uploads a file and confirms it. Returns the upload."""
    upload = scene.create(**more)
    scene.put(upload, content)
    assert scene.confirm(upload).status == 200
    return scene.get(upload)


def put(scene: Scene, key: str) -> str:
    scene.world.s3.put_object(Bucket=scene.world.settings.blob_bucket, Key=key, Body=b"lost")
    return key


def delete(scene: Scene, key: str) -> None:
    scene.world.s3.delete_object(Bucket=scene.world.settings.blob_bucket, Key=key)


# Files that nothing refers to


def test_the_files_of_uploads_with_and_without_an_object_are_not_listed(scene: Scene) -> None:
    made = completed(scene)
    completed(scene, **WITHOUT_OBJECT)
    assert completed(scene)["s3_key"] == made["s3_key"], "a duplicate has the same file"
    assert run(scene) == run(scene, select=of_bucket(scene)) == []


def test_the_file_of_an_old_upload_is_not_listed_although_its_pointer_has_expired(scene: Scene) -> None:
    kept = completed(scene, **WITHOUT_OBJECT)
    pointer: Any = {name: {"S": text} for name, text in row_keys.upload_pointer(kept["upload_id"]).items()}
    scene.world.client.delete_item(TableName=scene.world.tables.catalog, Key=pointer)
    assert run(scene, "--remove") == []
    assert scene.content(kept["s3_key"]) == PNG


def test_a_copy_that_an_attempt_has_left_is_listed_and_removed(scene: Scene) -> None:
    upload = completed(scene, **WITHOUT_OBJECT)
    folder = upload["s3_key"].rpartition("/")[0]
    lost = [put(scene, f"{folder}/blob_0"), put(scene, f"{folder}/blob_z")]
    pending = scene.create(**WITHOUT_OBJECT)
    lost.append(put(scene, f"blobs/{upload['bucket_id']}/{pending['upload_id']}/blob_1"))
    lost += [put(scene, f"blobs/{upload['bucket_id']}/upl_unknown/b"), put(scene, "blobs/bkt_deleted/upl_1/b")]
    assert sorted(unreferenced(scene)) == sorted(lost)
    assert sorted(unreferenced(scene, select=of_bucket(scene))) == sorted(lost[:-1])
    assert len(run(scene, "--remove")) == len(lost)
    assert scene.keys() == [upload["s3_key"]]


def test_recent_files_are_not_listed(scene: Scene) -> None:
    put(scene, "blobs/bkt_deleted/upl_1/b")
    put(scene, "u/upl_1/a.png")
    assert run(scene, "--remove", "--older-than", "3h") == []
    assert len(scene.keys()) == 2


def test_staged_files_that_may_still_be_checked_are_not_listed(scene: Scene) -> None:
    pending, expired, kept = scene.create(), scene.create(presigned_url_expiration=60), scene.create()
    tasked = scene.create()
    for upload in (pending, expired, kept, tasked):
        scene.put(upload)
    assert scene.cancel(kept, delete_s3_object="false").status == 204
    assert scene.confirm(tasked, **{"async": "true"}).json["status"] == "PROCESSING"
    scene.world.clock.advance(600)
    assert run(scene, "--remove") == []
    assert len(scene.keys("u/")) == 4


@pytest.mark.parametrize("end", ["complete", "fail", "cancel"])
def test_a_file_that_was_staged_after_the_end_of_its_upload_is_listed_and_removed(scene: Scene, end: str) -> None:
    upload = scene.create(file_size_bytes=len(PNG))
    if end == "cancel":
        assert scene.cancel(upload).status == 204
    else:
        scene.put(upload, PNG if end == "complete" else PNG + b"1")
        assert scene.arrive(upload)
    key, referenced = scene.put(upload) and upload["s3_key"], scene.referenced()
    assert unreferenced(scene) == unreferenced(scene, select=of_bucket(scene)) == [key]
    run(scene, "--remove")
    assert set(scene.keys()) == referenced


def test_the_staged_file_of_an_upload_that_has_just_ended_is_not_listed(scene: Scene) -> None:
    upload = scene.create(presigned_url_expiration=86_400)
    scene.world.clock.now = NOW
    scene.put(upload)
    assert scene.confirm(upload).status == 200
    scene.put(upload)
    assert run(scene) == []


@pytest.mark.parametrize("keeps", [False, True])
def test_a_staged_file_that_s3_should_have_removed_is_listed(scene: Scene, keeps: bool) -> None:
    scene.world.clock.now = NOW - timedelta(days=STAGING_DAYS) - 2 * HOUR
    upload = scene.create(presigned_url_expiration=3600)
    scene.put(upload)
    if keeps:
        assert scene.cancel(upload, delete_s3_object="false").status == 204
    assert unreferenced(scene) == [upload["s3_key"]]


def test_staged_files_of_no_upload_are_listed(scene: Scene) -> None:
    upload = scene.create()
    lost = [f"u/{upload['upload_id']}/other.png", "u/upl_1/a.png", "u/x", "u/a/b/c"]
    for key in lost:
        put(scene, key)
    scene.put(upload)
    assert sorted(unreferenced(scene)) == sorted(lost)
    assert unreferenced(scene, select=of_bucket(scene)) == [lost[0]]
    run(scene, "--remove")
    assert scene.keys() == [upload["s3_key"]]


def test_the_lifecycle_rule_of_the_stage_is_the_one_that_the_command_knows() -> None:
    rules = merge_template()["Resources"]["BlobBucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    (rule,) = [each for each in rules if each.get("Prefix") == "u/"]
    assert rule["ExpirationInDays"] == STAGING_DAYS


def test_rows_are_read_in_batches(scene: Scene) -> None:
    for number in range(150):
        put(scene, f"u/upl_{number}/a.png")
        put(scene, f"blobs/bkt_1/upl_{number}/b")
    with track_usage() as usage:
        assert len(run(scene, "--remove")) == 300
    assert usage.round_trips < 25


@pytest.mark.parametrize("seed", range(3))
def test_nothing_that_a_row_refers_to_is_ever_removed(scene: Scene, seed: int) -> None:
    """Files of every kind, referenced or not, in any mixture."""
    chance, expected, lost = random.Random(seed), set(), set()
    for number in range(40):
        content = PNG + bytes([chance.randrange(6)])
        match chance.randrange(7):
            case 0:
                completed(scene, content)
            case 1:
                expected.add(completed(scene, content, **WITHOUT_OBJECT)["s3_key"])
            case 2:
                upload = scene.create()
                scene.put(upload, content)
                expected.add(upload["s3_key"])
            case 3:
                upload = scene.create(skip_duplicates=False)
                scene.put(upload, content)
                assert scene.cancel(upload, delete_s3_object="false").status == 204
                expected.add(upload["s3_key"])
            case 4:
                upload = completed(scene, content, skip_duplicates=False)
                lost.add(put(scene, f"{blob_key(scene, upload)}_left"))
            case 5:
                lost.add(put(scene, f"blobs/{scene.create()['bucket_id']}/upl_{number}/blob_1"))
            case 6:
                lost.add(put(scene, f"u/upl_{number}/a.png"))
    expected |= scene.referenced()
    assert {row["key"] for row in run(scene, "--remove")} == lost
    assert set(scene.keys()) == expected
    assert run(scene) == []


# References to files that are missing


def test_missing_files_of_objects_and_uploads_are_listed_and_nothing_is_changed(scene: Scene) -> None:
    made, kept, other = completed(scene), completed(scene, **WITHOUT_OBJECT), completed(scene, OTHER_PNG)
    lost = sorted(scene.referenced() - {blob_key(scene, other)})
    for key in (*lost, kept["s3_key"]):
        delete(scene, key)
    expected = [(made["object_id"], lost[0]), (kept["upload_id"], kept["s3_key"])]
    assert missing(scene) == missing(scene, select=of_bucket(scene)) == expected
    before = scene.objects()
    assert len(run(scene, "--remove")) == 2
    assert (scene.objects(), missing(scene)) == (before, expected)
    assert scene.content(blob_key(scene, other)) == OTHER_PNG


def test_the_table_has_the_columns_of_the_operating_guide(scene: Scene) -> None:
    made = completed(scene)
    delete(scene, blob_key(scene, made))
    lost = put(scene, "u/upl_1/a.png")
    result = CliRunner().invoke(admin, ["blobs", "orphans", "--all"], obj=lambda: scene.world.services)
    header, file, reference = result.stdout.splitlines()
    assert f"\n{header}\n" in (DOCS / "how-to" / "operating.md").read_text()
    columns = [header.index(name) for name in header.split()]
    assert [file[start:].split()[0] for start in columns][::2] == ["unreferenced", file.split()[2], lost]
    assert [reference[start:].split()[0] for start in columns[:4]] == ["missing", "-", "-", made["object_id"]]


def blob_key(scene: Scene, upload: dict[str, Any]) -> str:
    """Returns the key of the file of the upload's object."""
    (found,) = [key for key in scene.referenced() if f"/{upload['object_id']}/" in key]
    return found


def test_the_upload_of_a_deleted_object_misses_nothing(scene: Scene) -> None:
    upload = completed(scene)
    scene.api.call("DELETE", f"/v1/buckets/films/objects/{upload['object_id']}")
    scene.world.pump()
    assert scene.keys() == []
    assert run(scene) == []


@pytest.mark.parametrize("more", [{}, WITHOUT_OBJECT], ids=["object", "upload"])
def test_what_is_deleted_while_files_are_listed_misses_nothing(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, more: dict[str, Any]
) -> None:
    upload = completed(scene, **more)
    blobs = scene.world.services.blobs
    list_files = blobs.list_files

    def delete_first(prefix: str, **options: Any) -> Iterator[StoredFile]:
        if options:  # the files of a chunk of references
            scene.api.call("DELETE", "/v1/buckets/films")
            scene.run_tasks()
            assert scene.keys() == []
        return list_files(prefix, **options)

    monkeypatch.setattr(blobs, "list_files", delete_first)
    assert scene.keys() != []
    assert run(scene) == []
    assert upload["status"] == "COMPLETED"


class Keys:
    """A store with these keys."""

    def __init__(self, keys: Iterable[str]) -> None:
        self.keys = sorted(keys)

    def list_files(self, prefix: str, *, after: str = "") -> Iterator[StoredFile]:
        return (StoredFile(key, 1, NOW) for key in self.keys if key.startswith(prefix) and key > after)


IDS = st.sampled_from(["obj_1", "obj_1_", "obj_10", "obj_2", "upl_1"])
REFERENCES = st.builds(
    lambda owner, folder, blob: Reference("b", owner, f"blobs/b/{folder or owner}/{blob}"),
    IDS,
    st.one_of(st.none(), IDS),
    st.sampled_from(["a", "b", "bb"]),
)


@given(st.lists(REFERENCES, max_size=12), st.sets(st.tuples(IDS, st.sampled_from(["a", "b", "bb", "c"]))))
def test_exactly_the_references_without_a_file_are_found(
    references: list[Reference], stored: set[tuple[str, str]]
) -> None:
    keys = {f"blobs/b/{owner}/{blob}" for owner, blob in stored}
    ordered = sorted(references, key=lambda each: each.owner_id)
    store: Any = Keys(keys)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(missing_files_module, "CHUNK_SIZE", 4)
        found = list(missing_files(store, ordered))
    assert found == [each for each in ordered if each.key not in keys]
