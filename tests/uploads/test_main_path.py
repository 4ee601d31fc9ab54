"""A file that is stored with the URL of an upload becomes one object, with or without a confirmation."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable

import pytest

from tests.support.engine import needs_storage_classes
from tests.support.racing import run_concurrently
from tests.uploads.scenes import OTHER_PNG, PNG, Scene, sha256


def test_a_stored_file_becomes_an_object_without_a_confirmation(scene: Scene) -> None:
    upload = scene.create()
    assert (upload["status"], upload["object_id"]) == ("PENDING", None)
    scene.put(upload)
    assert scene.arrive(upload)
    stored = scene.check_object()
    assert (stored["title"], stored["status"]) == ("Metropolis", "PENDING")
    assert stored["blobs"][0]["details"] == {
        "filename": "still.png",
        "size_bytes": len(PNG),
        "mime_type": "image/png",
        "hash": f"sha256:{sha256(PNG)}",
    }
    done = scene.get(upload)
    assert (done["status"], done["object_id"]) == ("COMPLETED", stored["object_id"])
    assert (done["file_size_bytes"], done["file_hash"]) == (len(PNG), sha256(PNG))
    assert done["completed_at"] == done["verified_at"] is not None
    assert done["presigned_url"] is None


def test_a_confirmation_creates_the_object_at_once(scene: Scene) -> None:
    upload = scene.create(file_size_bytes=len(PNG), file_hash=sha256(PNG))
    etag = scene.put(upload)
    confirmed = scene.confirm(upload, {"etag": etag, "file_size_bytes": len(PNG)})
    assert (confirmed.status, confirmed.json["status"]) == (200, "COMPLETED")
    assert confirmed.json["object_id"] == scene.check_object()["object_id"]
    assert confirmed.json["etag"] == etag.strip('"')
    assert scene.confirm(upload).json == confirmed.json


def test_the_object_and_its_bytes_are_counted(scene: Scene) -> None:
    upload = scene.create()
    scene.put(upload)
    scene.arrive(upload)
    scene.confirm(upload)
    scene.world.pump()
    bucket = scene.api.get("/v1/buckets/films").json
    assert (bucket["object_count"], bucket["total_size_bytes"]) == (1, len(PNG))
    assert bucket["last_upload_at"] is not None


@pytest.mark.parametrize("seed", range(6))
def test_events_and_confirmations_in_any_order_make_one_object(scene: Scene, seed: int) -> None:
    upload = scene.create()
    scene.put(upload)
    steps: list[Callable[[], bool]] = [lambda: scene.arrive(upload)] * 5 + [
        lambda: scene.confirm(upload).status == 200
    ] * 5
    random.Random(seed).shuffle(steps)
    assert all(step() for step in steps)
    scene.check_object()


@pytest.mark.parametrize("order", list(itertools.permutations(["confirm", "late put", "arrive"])), ids=" ".join)
def test_a_second_file_never_changes_the_object(scene: Scene, order: tuple[str, ...]) -> None:
    upload = scene.create()
    scene.put(upload)
    first: dict[str, Callable[[], object]] = {
        "confirm": lambda: scene.confirm(upload),
        "arrive": lambda: scene.arrive(upload),
    }
    expected = OTHER_PNG if order[0] == "late put" else PNG
    for step in order:
        if step == "late put":
            scene.put(upload, OTHER_PNG)
        else:
            first[step]()
    for _ in range(5):
        assert scene.arrive(upload)
    before = scene.check_object(expected)
    for _ in range(5):
        scene.put(upload, OTHER_PNG if expected == PNG else PNG)
        assert scene.arrive(upload)
        assert scene.confirm(upload).json["object_id"] == before["object_id"]
    assert scene.check_object(expected) == before


def test_a_late_file_moves_no_statistic(scene: Scene) -> None:
    upload = scene.create()
    scene.put(upload)
    scene.confirm(upload)
    scene.world.pump()
    before = scene.api.get("/v1/buckets/films").json
    scene.put(upload, OTHER_PNG + b"longer")
    scene.arrive(upload)
    scene.world.pump()
    assert scene.api.get("/v1/buckets/films").json == before
    assert scene.keys("u/") == []


def test_an_object_that_a_client_deletes_does_not_come_back(scene: Scene) -> None:
    upload = scene.create()
    scene.put(upload)
    scene.confirm(upload)
    (stored,) = scene.objects()
    assert scene.api.call("DELETE", f"/v1/buckets/films/objects/{stored['object_id']}").status == 204
    scene.put(upload)
    assert scene.arrive(upload)
    assert scene.confirm(upload).json["object_id"] == stored["object_id"]
    scene.world.pump()
    assert scene.objects() == []
    assert scene.keys() == []


def test_32_confirmations_and_five_events_at_the_same_time_make_one_object(scene: Scene) -> None:
    upload = scene.create()
    scene.put(upload)
    confirmations: list[Callable[[], object]] = [lambda: scene.confirm(upload).json["object_id"]] * 32
    results = run_concurrently([*confirmations, *([lambda: scene.arrive(upload)] * 5)])
    stored = scene.check_object()
    assert set(results) == {stored["object_id"], True}
    scene.world.pump()
    assert scene.api.get("/v1/buckets/films").json["object_count"] == 1


def test_an_upload_without_an_object_keeps_its_file(scene: Scene) -> None:
    upload = scene.create(create_object_on_confirm=False, blob_property=None, object_metadata=None)
    scene.put(upload)
    assert scene.arrive(upload)
    done = scene.get(upload)
    assert (done["status"], done["object_id"]) == ("COMPLETED", None)
    assert scene.keys() == [done["s3_key"]]
    assert scene.content(done["s3_key"]) == PNG
    assert scene.objects() == []
    shown = scene.api.get(f"/v1/buckets/films/uploads/{upload['upload_id']}", query={"return_presigned_urls": "true"})
    assert done["s3_key"] in shown.json["presigned_url"]


@needs_storage_classes
@pytest.mark.parametrize(
    ("storage_class", "expected"), [("nearline", "STANDARD_IA"), ("coldline", "GLACIER_IR"), ("archive", "GLACIER")]
)
def test_the_copy_has_the_storage_class_of_the_bucket(empty_scene: Scene, storage_class: str, expected: str) -> None:
    empty_scene.new_bucket(storage_class=storage_class)
    upload = empty_scene.create()
    empty_scene.put(upload)
    empty_scene.confirm(upload)
    (key,) = empty_scene.referenced()
    head = empty_scene.world.s3.head_object(Bucket=empty_scene.world.settings.blob_bucket, Key=key)
    assert head["StorageClass"] == expected
    assert (head["ContentType"], head["ContentDisposition"]) == (
        "image/png",
        "inline; filename=\"still.png\"; filename*=UTF-8''still.png",
    )


def test_a_short_text_is_in_the_object(scene: Scene) -> None:
    upload = scene.create(filename="a.txt", content_type="text/plain", blob_property="script")
    scene.put(upload, "Köln".encode(), "text/plain")
    assert scene.confirm(upload).status == 200
    assert scene.objects()[0]["blobs"][0]["properties"]["text"] == "Köln"
