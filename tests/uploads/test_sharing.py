"""The file of an upload is removed with the last object that refers to it, in whatever order events are handled."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

import pytest

from chalicelib.aws.dynamodb.table import Table
from chalicelib.blobs.orphans import orphans
from tests.deliveries.unreliable import killed_afterwards, killed_before
from tests.faults.consistency import check_consistency
from tests.support.catalog import partition_of
from tests.support.faults import Faults
from tests.support.objects import text
from tests.support.racing import run_concurrently
from tests.support.task_queue import ProcessKilled
from tests.uploads.scenes import OTHER_PNG, PNG, UPLOADS, Scene, sha256
from tests.uploads.sharing import (
    OBJECTS,
    catalog_rows,
    check_drained,
    check_no_reference_without_bytes,
    completed,
    delete,
    delete_all,
    photo_of,
    put,
    share,
    shared,
)

KILLS = (killed_before, killed_afterwards)


@pytest.mark.parametrize("makes_object", [True, False])
@pytest.mark.parametrize("order", list(itertools.permutations(range(3))), ids=str)
def test_the_file_goes_with_the_last_object(scene: Scene, order: tuple[int, ...], makes_object: bool) -> None:
    upload = completed(scene, create_object_on_confirm=makes_object)
    made = [upload["object_id"]] if makes_object else []
    made += [shared(scene, upload) for _ in range(3 - len(made))]
    for number in order:
        check_no_reference_without_bytes(scene)
        assert scene.keys() == [upload["s3_key"]]
        assert delete(scene, made[number]).status == 204
        scene.world.pump()
    check_drained(scene, upload)
    assert scene.keys() == []


def test_a_put_that_replaces_the_file_releases_it(scene: Scene) -> None:
    upload, other = completed(scene), completed(scene, OTHER_PNG)
    first, second = shared(scene, upload), shared(scene, upload)
    for object_id in (first, second):
        assert scene.keys() == sorted([upload["s3_key"], other["s3_key"]])
        assert put(scene, object_id, photo_of(other)).status == 200
        scene.world.pump()
    check_drained(scene, upload)
    check_drained(scene, other)
    assert put(scene, first, photo_of(other)).status == 200
    scene.world.pump()
    check_drained(scene, other)


def test_an_object_that_has_the_file_twice_keeps_it(scene: Scene) -> None:
    upload = completed(scene, b"text", filename="a.txt", content_type="text/plain")
    blob = photo_of(upload, property="script", type="text")
    made = scene.api.post(OBJECTS, {"blobs": [blob, blob]}).json["object_id"]
    scene.api.patch(f"{OBJECTS}/{made}", {"title": "N"})
    put(scene, made, blob)
    scene.world.pump()
    check_drained(scene, upload)
    put(scene, made, {"property": "script", "type": "text", "data": "other"})
    scene.world.pump()
    check_drained(scene, upload)


def test_a_soft_deleted_object_keeps_the_file(scene: Scene) -> None:
    upload = completed(scene)
    made = shared(scene, upload)
    scene.api.post(f"{OBJECTS}/bulk-soft-delete", {"object_ids": [made], "reason": "x"})
    other = shared(scene, upload)
    delete(scene, other)
    scene.world.pump()
    assert scene.keys() == [upload["s3_key"]]
    delete(scene, made)
    scene.world.pump()
    assert scene.keys() == []


@pytest.mark.parametrize("seed", range(8))
def test_records_are_delivered_late_repeatedly_and_in_any_order(scene: Scene, seed: int) -> None:
    chance = random.Random(seed)
    upload = completed(scene, create_object_on_confirm=bool(seed % 2))
    made = [upload["object_id"]] if upload["object_id"] else []
    for _ in range(12):
        if made and chance.random() < 0.5:
            object_id = made.pop(chance.randrange(len(made)))
            put(scene, object_id, photo_of(upload)) if chance.random() < 0.3 else delete(scene, object_id)
        elif (reply := share(scene, upload)).status == 200:
            made.append(reply.json["object_id"])
        records = scene.world.pump.objects.history()
        # Statistics need the order of a shard, and so do not get these records. The process may be killed at any call.
        faults = Faults(scene.world.client, scene.world.s3).on(chance.randrange(1, 12), chance.choice(KILLS))
        with suppress(ProcessKilled):
            scene.world.services.objects.remove_unreferenced(chance.sample(records, min(3, len(records))))
        faults.remove()
        check_no_reference_without_bytes(scene)
    scene.world.pump()
    check_drained(scene, upload)
    delete_all(scene)
    check_drained(scene, upload)
    check_consistency(scene.world)


def test_an_object_of_the_same_key_that_was_deleted_can_use_the_file_again(empty_scene: Scene) -> None:
    empty_scene.new_bucket(unique_key={"fields": ["film_id"], "default_policy": "upsert"})
    upload = completed(empty_scene)
    keeper = shared(empty_scene, upload, film_id="keeper")
    for _ in range(2):
        made = shared(empty_scene, upload, film_id="tt1")
        delete(empty_scene, made)
    shared(empty_scene, upload, film_id="tt1")
    delete(empty_scene, keeper)
    empty_scene.world.pump()
    check_drained(empty_scene, upload)
    assert empty_scene.keys() == [upload["s3_key"]]


def test_deleting_the_bucket_removes_uses_and_files(scene: Scene) -> None:
    upload = completed(scene)
    shared(scene, upload)
    assert scene.api.call("DELETE", "/v1/buckets/films").status == 200
    scene.run_tasks()
    scene.world.pump()
    assert scene.keys() == []
    assert catalog_rows(scene, "USE#") + catalog_rows(scene, "UPL#") == []


def test_an_upload_of_the_same_content_does_not_refer_to_a_removed_file(scene: Scene) -> None:
    first = completed(scene, create_object_on_confirm=True)
    kept = completed(scene, OTHER_PNG)
    for upload in (first, kept):
        delete(scene, upload["object_id"] or shared(scene, upload))
    scene.world.pump()
    for content, more in ((PNG, {}), (OTHER_PNG, {"create_object_on_confirm": False})):
        declared = scene.create(file_hash=sha256(content), **more)
        assert declared["is_duplicate"] is False
        scene.put(declared, content)
        assert scene.confirm(declared).status == 200
        done = scene.get(declared)
        assert (done["is_duplicate"], done["message"]) == (False, None)
        assert scene.content(done["s3_key"]) == content


def test_an_upload_without_an_object_has_a_file_of_its_own(scene: Scene) -> None:
    used = completed(scene)
    declared = scene.create(create_object_on_confirm=False, file_hash=sha256(PNG))
    assert (declared["is_duplicate"], declared["presigned_url"] is None) == (False, False)
    scene.put(declared)
    assert scene.confirm(declared).status == 200
    other = scene.get(declared)
    assert (other["is_duplicate"], other["s3_key"] == used["s3_key"]) == (False, False)
    delete(scene, shared(scene, used))
    scene.world.pump()
    assert scene.keys() == [other["s3_key"]]
    shared(scene, other)
    check_no_reference_without_bytes(scene)


def test_an_upload_that_refers_to_a_removed_file_says_so(scene: Scene) -> None:
    first = completed(scene, create_object_on_confirm=True)
    copy = completed(scene, create_object_on_confirm=True, skip_duplicates=True)
    delete(scene, first["object_id"])
    scene.world.pump()
    check_drained(scene, {**copy, "upload_id": copy["upload_id"]})
    (shown,) = [
        each
        for each in scene.api.post(f"{UPLOADS}/list", {"return_presigned_urls": True}).json["results"]
        if each["upload_id"] == copy["upload_id"]
    ]
    assert (shown["presigned_url"], shown["message"][:20]) == (None, "The file was removed")
    assert scene.confirm(copy).json["message"] == shown["message"]


def test_a_shared_file_in_the_folder_of_a_deleted_object_is_no_orphan(scene: Scene) -> None:
    upload = completed(scene, create_object_on_confirm=True)
    shared(scene, upload)
    delete(scene, upload["object_id"])
    lost = upload["s3_key"][:-1] + ("0" if upload["s3_key"][-1] != "0" else "1")
    scene.world.services.blobs.put(lost, PNG, mime_type=None, filename=None, storage_class=None)
    check_consistency(scene.world)
    objects, files = scene.world.services.objects, scene.world.services.blobs.list_files("blobs/")
    late = datetime.now(UTC) + timedelta(days=1)
    partition = partition_of(scene.world)
    needed = objects.shared_files(lambda _: partition).needed
    found = orphans(objects.store, files, before=late, needed=needed)
    assert [file.key for file in found] == [lost]


def test_a_failed_create_leaves_the_shared_file(scene: Scene) -> None:
    upload = completed(scene)
    bad = {"blobs": [photo_of(upload), text("x")]}  # the schema has no field `review`
    assert scene.api.post(OBJECTS, bad).status == 422
    assert scene.api.post(OBJECTS, {"title": 5, "blobs": [photo_of(upload)]}).status == 422
    assert scene.keys() == [upload["s3_key"]]
    check_drained(scene, upload, was_used=False)


def create_one(scene: Scene, upload: dict[str, Any], _: str) -> dict[str, Any]:
    return share(scene, upload).error


def replace_one(scene: Scene, upload: dict[str, Any], other: str) -> dict[str, Any]:
    return put(scene, other, photo_of(upload)).error


@pytest.mark.parametrize("act", [create_one, replace_one])
def test_the_file_goes_while_an_object_is_written_and_the_error_names_the_field(
    scene: Scene, act: Callable[..., dict[str, Any]]
) -> None:
    upload = completed(scene)
    last, other = shared(scene, upload), scene.api.post(OBJECTS, {"title": "other"}).json["object_id"]
    transact = Table.transact
    removed: list[int] = []

    def remove_first(self: Table, *arguments: Any, **more: Any) -> None:
        if not removed and more.get("before"):
            removed.append(delete(scene, last).status)
            scene.world.pump()
        transact(self, *arguments, **more)

    with patch.object(Table, "transact", remove_first):
        during = act(scene, upload, other)
    assert removed == [204]
    assert during["code"] == "upload_file_removed"
    assert during["details"]["field"].endswith("blobs.0.upload_id")
    assert during == act(scene, upload, other), "the same as afterwards"


def test_threads_share_and_release_a_file(scene: Scene) -> None:
    upload = completed(scene)
    shared(scene, upload)
    (stored,) = scene.objects()
    delete(scene, stored["object_id"])
    records = scene.world.pump.objects.history()

    def release() -> int:
        return 200 if not scene.world.pump.objects.deliver(records)["batchItemFailures"] else 503

    statuses = run_concurrently([*([lambda: share(scene, upload).status] * 6), *([release] * 3)])
    assert set(statuses) <= {200, 400}
    check_no_reference_without_bytes(scene)
    scene.world.pump()
    check_drained(scene, upload)
    delete_all(scene)
    check_drained(scene, upload)
    assert scene.keys() == []
