"""Confirmations in a task, and with a batch; and what happens to uploads when their bucket is deleted."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib import keys
from chalicelib.aws.dynamodb.writes import Step
from chalicelib.uploads import confirming
from chalicelib.uploads.store import UploadStore
from tests.support.catalog import partition_of
from tests.support.racing import run_concurrently
from tests.uploads.scenes import OTHER_PNG, PNG, UPLOADS, Scene


def test_a_task_confirms_the_upload_on_request(scene: Scene) -> None:
    upload = scene.create()
    scene.put(upload)
    confirmed = scene.confirm(upload, **{"async": "true"})
    assert (confirmed.status, confirmed.json["status"]) == (200, "PROCESSING")
    assert scene.get(upload)["task_id"] == confirmed.json["task_id"]
    assert scene.confirm(upload).json == confirmed.json
    assert scene.objects() == []
    scene.run_tasks()
    done = scene.confirm(upload).json
    assert (done["status"], done["task_id"]) == ("COMPLETED", confirmed.json["task_id"])
    task = scene.api.get(f"/v1/tasks/{done['task_id']}").json
    output = {"upload_id": upload["upload_id"], "status": "COMPLETED", "object_id": done["object_id"]}
    assert (task["status"], task["outputs"]) == ("COMPLETED", [output])
    scene.check_object()


def test_a_task_confirms_a_large_file(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    assert confirming.TASK_BYTES == 100_000_000
    monkeypatch.setattr(confirming, "TASK_BYTES", len(PNG))
    upload = scene.create()
    scene.put(upload)
    assert scene.confirm(upload).json["status"] == "PROCESSING"
    assert scene.arrive(upload)  # the event may come first
    scene.run_tasks()
    assert scene.confirm(upload).json["status"] == "COMPLETED"
    scene.check_object()


def test_a_task_is_started_once(scene: Scene) -> None:
    upload = scene.create()
    scene.put(upload)
    confirmed = run_concurrently([lambda: scene.confirm(upload, **{"async": "true"}).json] * 6)
    assert len({each["task_id"] for each in confirmed}) == 1


def test_a_batch_is_submitted_with_the_object(scene: Scene) -> None:
    upload = scene.create()
    scene.put(upload)
    confirmed = scene.confirm(upload, {"auto_submit_batch": True}).json
    batch = scene.api.get(f"/v1/buckets/films/batches/{confirmed['batch_id']}").json
    assert (batch["object_ids"], batch["task_id"]) == ([confirmed["object_id"]], confirmed["task_id"])
    assert scene.confirm(upload, {"auto_submit_batch": True}).json == confirmed
    scene.run_tasks()
    assert scene.objects()[0]["status"] == "COMPLETED"
    assert scene.confirm(upload, {"auto_submit_batch": True}).json == confirmed
    assert scene.api.post("/v1/buckets/films/batches/list").json["total_count"] == 1


@pytest.mark.parametrize("named", [{"etag": "0" * 32}, {"file_size_bytes": 1}])
def test_a_confirmation_that_joins_a_task_names_the_stored_file(scene: Scene, named: dict[str, Any]) -> None:
    upload = scene.create()
    etag = scene.put(upload)
    assert scene.confirm(upload, **{"async": "true"}).json["status"] == "PROCESSING"
    refused = scene.confirm(upload, named)
    assert (refused.status, refused.error["code"] in ("etag_mismatch", "size_mismatch")) == (400, True)
    assert scene.confirm(upload, {"etag": etag, "file_size_bytes": len(PNG)}).json["status"] == "PROCESSING"
    scene.put(upload, OTHER_PNG)
    scene.run_tasks()
    assert (scene.get(upload)["status"], scene.objects()) == ("PENDING", [])


def test_a_confirmation_that_joins_a_task_submits_one_batch(scene: Scene) -> None:
    upload = scene.create()
    scene.put(upload)
    scene.confirm(upload, **{"async": "true"})
    joined = run_concurrently([lambda: scene.confirm(upload, {"auto_submit_batch": True}).json] * 3)
    assert {each["status"] for each in joined} == {"PROCESSING"}
    scene.run_tasks()
    (batch,) = scene.api.post("/v1/buckets/films/batches/list").json["results"]
    shown = scene.api.get(f"/v1/buckets/films/batches/{batch['batch_id']}").json
    assert (shown["object_ids"], shown["status"]) == ([scene.get(upload)["object_id"]], "COMPLETED")


def test_a_task_keeps_its_policy(empty_scene: Scene) -> None:
    empty_scene.new_bucket(unique_key={"fields": ["film_id"]})
    upload = empty_scene.create(object_metadata={"film_id": "m"})
    empty_scene.put(upload)
    task_id = empty_scene.confirm(upload, policy="upsert", **{"async": "true"}).json["task_id"]
    refused = empty_scene.confirm(upload, policy="insert")
    assert (refused.status, refused.error["code"]) == (409, "upload_processing")
    assert (refused.error["details"]["task_id"], refused.error["details"]["policy"]) == (task_id, "upsert")
    assert empty_scene.confirm(upload, policy="upsert").json["status"] == "PROCESSING"


def test_a_batch_is_submitted_if_the_event_was_first(scene: Scene) -> None:
    upload = scene.create()
    scene.put(upload)
    assert scene.arrive(upload)
    confirmed = run_concurrently([lambda: scene.confirm(upload, {"auto_submit_batch": True}).json] * 4)
    assert len({each["batch_id"] for each in confirmed}) == 1
    scene.run_tasks()
    assert scene.api.post("/v1/buckets/films/batches/list").json["total_count"] == 1


def test_no_batch_is_submitted_without_a_new_object(scene: Scene) -> None:
    for number in range(2):
        upload = scene.create()
        scene.put(upload)
        confirmed = scene.confirm(upload, {"auto_submit_batch": True}).json
        assert (confirmed["batch_id"] is None) is (number == 1)


def test_a_refused_submission_is_the_response_and_nothing_is_rolled_back(scene: Scene) -> None:
    upload = scene.create()
    scene.put(upload)
    scene.arrive(upload)
    bucket = scene.api.get("/v1/buckets/films").json["bucket_id"]
    scene.lock(bucket)
    refused = scene.confirm(upload, {"auto_submit_batch": True})
    assert (refused.status, refused.error["code"]) == (403, "bucket_locked")
    details = refused.error["details"]
    assert (details["upload_id"], details["object_id"]) == (upload["upload_id"], scene.get(upload)["object_id"])
    assert scene.api.get(f"/v1/buckets/films/batches/{details['batch_id']}").json["status"] == "DRAFT"
    scene.check_object()
    scene.lock(bucket, is_locked=False)
    assert scene.confirm(upload, {"auto_submit_batch": True}).json["batch_id"] == details["batch_id"]


def test_the_deletion_of_a_bucket_removes_its_uploads_and_their_files(scene: Scene) -> None:
    waiting, done, late = scene.create(), scene.create(), scene.create()
    kept = scene.create(create_object_on_confirm=False, blob_property=None, object_metadata=None)
    for upload in (waiting, done, kept):
        scene.put(upload)
    scene.arrive(done, kept)
    scene.api.call("DELETE", "/v1/buckets/films")
    scene.run_tasks()
    assert scene.api.get("/v1/buckets/films").status == 404
    assert scene.keys() == []
    scene.put(late)
    assert scene.arrive(late)
    assert scene.keys() == []
    rows = scene.world.client.scan(TableName=scene.world.tables.catalog)["Items"]
    assert [row for row in rows if "upl_" in str(row)] == []


def test_no_copy_remains_of_an_upload_that_goes_with_its_bucket(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    upload = scene.create(create_object_on_confirm=False)
    scene.put(upload)
    store = scene.world.services.uploads.store
    rows, write = keys.uploads(partition_of(scene.world), upload["bucket_id"]), type(store).write

    def write_too_late(self: UploadStore, *steps: Step) -> None:
        assert len(scene.keys("blobs/")) == 1
        self.remove(self.first(rows, 100))
        write(self, *steps)

    monkeypatch.setattr(type(store), "write", write_too_late)
    assert scene.arrive(upload)
    assert scene.keys() == []


def test_uploads_are_listed_newest_first_with_statistics(scene: Scene) -> None:
    uploads = [scene.create(metadata={"take": number}, file_size_bytes=10 * number or None) for number in range(3)]
    scene.put(uploads[0])
    scene.arrive(uploads[0])
    listed = scene.api.post(f"{UPLOADS}/list", {"limit": 2}).json
    assert [each["upload_id"] for each in listed["results"]] == [each["upload_id"] for each in uploads[:0:-1]]
    assert {each["presigned_url"] for each in listed["results"]} == {None}
    total = 10 + 20 + len(PNG)
    assert listed["stats"] == {
        "total_uploads": 3,
        "total_size_bytes": total,
        "uploads_by_status": {"PENDING": 2, "COMPLETED": 1},
        "avg_file_size_bytes": total / 3,
        "unique_buckets": 1,
    }
    after = {"limit": 2, "cursor": listed["pagination"]["next_cursor"]}
    assert [each["upload_id"] for each in scene.api.post(f"{UPLOADS}/list", after).json["results"]] == [
        uploads[0]["upload_id"]
    ]
    found = scene.api.post(
        f"{UPLOADS}/list", {"filters": {"status": "COMPLETED"}, "return_presigned_urls": True, "include_total": True}
    ).json
    assert (found["pagination"]["total"], found["stats"]["total_uploads"]) == (1, 1)
    assert found["results"][0]["s3_key"] in found["results"][0]["presigned_url"]
    assert len(scene.api.post(f"{UPLOADS}/list", {"search": "STILL"}).json["results"]) == 3
    by_take = {"sort": {"field": "metadata.take", "direction": "asc"}, "filters": {"metadata.take": 1}}
    assert [each["metadata"] for each in scene.api.post(f"{UPLOADS}/list", by_take).json["results"]] == [{"take": 1}]
    assert scene.api.post(f"{UPLOADS}/list", {"limit": 101}).status == 422


def test_an_empty_list_has_statistics(scene: Scene) -> None:
    assert scene.api.post(f"{UPLOADS}/list").json["stats"] == {
        "total_uploads": 0,
        "total_size_bytes": 0,
        "uploads_by_status": {},
        "avg_file_size_bytes": 0,
        "unique_buckets": 0,
    }


def test_a_task_confirms_several_uploads(scene: Scene) -> None:
    good, other, missing = scene.create(), scene.create(skip_duplicates=False), scene.create()
    for upload in (good, other):
        scene.put(upload)
    confirmations = [
        {"upload_id": good["upload_id"]},
        {"upload_id": other["upload_id"], "etag": "0123"},
        {"upload_id": missing["upload_id"]},
        {"upload_id": "upl_unknown"},
    ]
    made = scene.api.post(f"{UPLOADS}/confirm/batch", {"confirmations": confirmations})
    assert (made.status, made.json["status"], made.json["confirmations_count"]) == (200, "PENDING", 4)
    assert made.json["task"]["task_id"] == made.json["task_id"]
    scene.run_tasks()
    task = scene.api.get(f"/v1/tasks/{made.json['task_id']}").json
    assert (task["status"], task["task_type"]) == ("COMPLETED_WITH_ERRORS", "api_buckets_uploads_batch_confirm")
    first, second, third, fourth = task["outputs"]
    assert (first["status"], first["object_id"]) == ("COMPLETED", scene.objects()[0]["object_id"])
    assert (second["status"], second["error"]) == ("PENDING", "The stored file has another ETag")
    assert (third["status"], third["error"]) == ("PENDING", "No file has been stored with the URL of this upload")
    assert (fourth["status"], fourth["error"]) == ("FAILED", "Upload not found")
    assert len(scene.objects()) == 1


@pytest.mark.parametrize("is_stored", [True, False])
def test_the_task_of_several_uploads_completes_or_fails(scene: Scene, is_stored: bool) -> None:
    upload = scene.create()
    if is_stored:
        scene.put(upload)
    body = {"confirmations": [{"upload_id": upload["upload_id"], "file_size_bytes": len(PNG)}]}
    task_id = scene.api.post(f"{UPLOADS}/confirm/batch", body).json["task_id"]
    scene.run_tasks()
    assert scene.api.get(f"/v1/tasks/{task_id}").json["status"] == ("COMPLETED" if is_stored else "FAILED")
