"""Uploads to a bucket with a unique key: each key has one object, according to the policy."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.uploads.staging import read_file
from tests.support.racing import run_concurrently
from tests.uploads.scenes import OTHER_PNG, PNG, UPLOADS, Scene
from tests.uploads.sharing import catalog_rows


def keyed(scene: Scene, policy: str | None = None) -> Scene:
    unique_key = {"fields": ["film_id"], **({"default_policy": policy} if policy else {})}
    scene.new_bucket(unique_key=unique_key)
    return scene


def fields(key: str = "m", **more: Any) -> dict[str, Any]:
    return {"object_metadata": {"film_id": key, **more}}


def test_the_key_must_be_declared(empty_scene: Scene) -> None:
    scene = keyed(empty_scene, "upsert")
    refused = scene.api.post("/v1/buckets/films/uploads", {"filename": "photo.png", "content_type": "image/png"})
    assert (refused.status, refused.json["detail"][0]["loc"]) == (422, ["body", "object_metadata", "film_id"])


def test_an_upload_updates_the_object_with_its_key(empty_scene: Scene) -> None:
    scene = keyed(empty_scene, "upsert")
    first = scene.create(**fields(title="Metropolis"))
    scene.put(first)
    scene.arrive(first)
    second = scene.create(**fields(year=1927))
    scene.put(second, OTHER_PNG)
    scene.confirm(second)
    scene.world.pump()
    stored = scene.check_object(OTHER_PNG)
    assert (stored["title"], stored["year"]) == ("Metropolis", 1927)
    assert scene.get(first)["object_id"] == scene.get(second)["object_id"] == stored["object_id"]


def test_two_uploads_race_for_one_key(empty_scene: Scene) -> None:
    scene = keyed(empty_scene, "upsert")
    uploads = [scene.create(**fields()) for _ in range(2)]
    for upload, content in zip(uploads, (PNG, OTHER_PNG), strict=True):
        scene.put(upload, content)
    assert all(run_concurrently([lambda upload=upload: scene.arrive(upload) for upload in uploads * 2]))  # type: ignore[misc]
    scene.world.pump()
    (stored,) = scene.objects()
    scene.check_files()
    assert {scene.get(upload)["object_id"] for upload in uploads} == {stored["object_id"]}


def test_an_existing_key_needs_no_upload_if_the_policy_is_insert(empty_scene: Scene) -> None:
    scene = keyed(empty_scene, "insert")
    first, second = scene.create(**fields()), scene.create(**fields())
    scene.put(first)
    assert scene.confirm(first).status == 200
    skipped = scene.create(**fields())
    assert (skipped["skipped_unique_key"], skipped["existing_object_id"], skipped["presigned_url"]) == (
        True,
        scene.get(first)["object_id"],
        None,
    )
    assert scene.get(skipped)["status"] == "COMPLETED"
    scene.put(second, OTHER_PNG)
    refused = scene.confirm(second)
    assert (refused.status, refused.error["code"]) == (409, "unique_key_taken")
    assert scene.get(second)["status"] == "PENDING"
    assert scene.arrive(second)
    assert (scene.get(second)["status"], scene.keys("u/")) == ("FAILED", [])
    assert "unique key" in scene.get(second)["message"]
    scene.check_object()


def test_the_policy_of_a_confirmation(empty_scene: Scene) -> None:
    scene = keyed(empty_scene)
    upload = scene.create(**fields())
    scene.put(upload)
    missing = scene.confirm(upload)
    assert (missing.status, missing.error["code"]) == (400, "policy_missing")
    absent = scene.confirm(upload, policy="update")
    assert (absent.status, absent.error["code"]) == (404, "unique_key_absent")
    assert scene.confirm(upload, policy="insert").status == 200
    scene.check_object()


@pytest.mark.parametrize("is_batch", [False, True])
def test_a_confirmation_that_was_refused_changes_no_object_afterwards(empty_scene: Scene, is_batch: bool) -> None:
    scene = keyed(empty_scene)
    made = scene.api.post("/v1/buckets/films/objects", {"film_id": "m", "title": "first"}, query={"policy": "insert"})
    upload = scene.create(**fields(title="second"))
    scene.put(upload)
    if is_batch:
        body = {"confirmations": [{"upload_id": upload["upload_id"]}]}
        scene.api.post(f"{UPLOADS}/confirm/batch", body, query={"policy": "insert"})
        scene.run_tasks()
    else:
        assert scene.confirm(upload, policy="insert").error["code"] == "unique_key_taken"
    assert scene.get(upload)["status"] == "PENDING"
    assert scene.arrive(upload)
    assert [(each["object_id"], each["title"]) for each in scene.objects()] == [(made.json["object_id"], "first")]
    shown = scene.get(upload)
    assert (shown["status"], "unique key" in shown["message"], scene.keys()) == ("FAILED", True, [])


def test_an_event_that_has_begun_before_the_confirmation_uses_its_policy(
    empty_scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = keyed(empty_scene)
    scene.api.post("/v1/buckets/films/objects", {"film_id": "m", "title": "first"}, query={"policy": "insert"})
    upload = scene.create(**fields(title="second"))
    scene.put(upload)
    codes: list[str] = []
    real = read_file

    def read_late(*arguments: Any) -> Any:
        if not codes:
            codes.append("")
            codes[0] = scene.confirm(upload, policy="insert").error["code"]
        return real(*arguments)

    monkeypatch.setattr("chalicelib.uploads.promotion.read_file", read_late)
    scene.arrive(upload)
    scene.arrive(upload)
    assert (codes, scene.objects()[0]["title"]) == (["unique_key_taken"], "first")
    assert scene.get(upload)["status"] == "FAILED"


@pytest.mark.parametrize("policy", [None, "insert", "upsert"])
def test_a_policy_is_stored_only_if_the_event_would_use_another_one(empty_scene: Scene, policy: str | None) -> None:
    scene = keyed(empty_scene, "upsert")
    upload = scene.create(**fields())
    scene.put(upload)
    assert scene.confirm(upload, **({"policy": policy} if policy else {})).status == 200
    (row,) = catalog_rows(scene, f"UPL#{upload['upload_id']}")
    assert row["revision"] == (3 if policy == "insert" else 2)


def test_without_a_policy_the_event_updates_or_creates(empty_scene: Scene) -> None:
    scene = keyed(empty_scene)
    for content in (PNG, OTHER_PNG):
        upload = scene.create(**fields())
        scene.put(upload, content)
        assert scene.arrive(upload)
        scene.world.pump()
        scene.check_object(content)


def test_a_task_uses_the_policy_of_the_confirmation(empty_scene: Scene) -> None:
    scene = keyed(empty_scene, "upsert")
    upload = scene.create(**fields())
    scene.put(upload)
    confirmed = scene.confirm(upload, policy="update", **{"async": "true"}).json
    assert (confirmed["status"], confirmed["object_id"]) == ("PROCESSING", None)
    scene.run_tasks()
    task = scene.api.get(f"/v1/tasks/{confirmed['task_id']}").json
    assert (task["status"], task["task_type"]) == ("FAILED", "api_buckets_uploads_confirm")
    assert "No object has this unique key" in task["error"]
    assert (scene.get(upload)["status"], scene.objects(), scene.keys()) == ("FAILED", [], [])


@pytest.mark.parametrize("times", [1, 5])
def test_the_same_content_with_another_key_is_another_object(empty_scene: Scene, times: int) -> None:
    scene = keyed(empty_scene, "upsert")
    for number in range(3):
        upload = scene.create(**fields(f"m{number}"))
        scene.put(upload)
        for _ in range(times):
            scene.arrive(upload)
    assert len(scene.objects()) == 3
    scene.check_files()
