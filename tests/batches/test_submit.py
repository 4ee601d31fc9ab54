"""The submission of batches."""

from __future__ import annotations

from typing import Any

import pytest

from tests.batches.scenes import Scene, add_batch, before_next, new_scene, response_lost
from tests.support.batches import BatchWorld
from tests.support.catalog import partition_of
from tests.support.log import Log
from tests.support.racing import run_concurrently
from tests.support.slow_time import SlowTime

HOSTILE_URLS = [
    "http://127.0.0.1/x",
    "http://localhost/x",
    "https://169.254.169.254/latest",
    "http://[::1]/",
    "http://10.0.0.8/",
    "ftp://example.com/x",
    "example.com",
    "https://user:word@example.com/",
]
INVALID: list[dict[str, Any]] = [
    {"webhook_secret": "a secret of the client"},
    {"webhook_url": "https://example.com/", "webhook_secret": "short"},
    {"tolerated_failure_percentage": 101},
    {"tolerated_failure_percentage": -1},
    {"colour": "red"},
]


@pytest.fixture
def scene(time: SlowTime, run: BatchWorld) -> Scene:
    return new_scene(run)


def test_the_task_describes_the_run(scene: Scene) -> None:
    task = scene.done("submit")
    assert (task["task_type"], task["status"], task["inputs"]) == (
        "api_buckets_batches_process",
        "PENDING",
        [scene.batch_id],
    )
    about = task["additional_data"]
    assert (about["bucket_id"], about["object_count"], about["collection_ids"]) == (scene.bucket, 3, [])
    assert (about["total_tiers"], about["current_tier"], about["sample_object_ids"]) == (1, 0, scene.ids)
    assert (task["queue_position"], task["estimated_wait_minutes"]) == (None, None)
    batch = scene.get()
    assert (batch["status"], batch["lifecycle"], batch["task_id"]) == ("PENDING", "queued", task["task_id"])
    assert batch["progress"] is None
    assert scene.active() == 1


def test_an_empty_batch_is_rejected(run: BatchWorld) -> None:
    response = new_scene(run, 0).post("submit")
    assert (response.status, response.error["code"]) == (400, "batch_empty")


def test_only_a_draft_can_be_submitted(scene: Scene) -> None:
    scene.done("submit")
    for status in ("PENDING", "COMPLETED"):
        response = scene.post("submit")
        assert (response.status, response.error["code"]) == (400, "batch_not_draft")
        assert response.error["details"]["status"] == status
        scene.run.pump()


def test_objects_in_flight_are_refused_unless_forced(scene: Scene) -> None:
    other = add_batch(scene.run, scene.bucket, [scene.ids[2]])
    scene.done("submit")
    response = other.post("submit")
    assert (response.status, response.error["code"]) == (409, "objects_in_flight")
    assert response.error["details"] == {"batch_id": scene.batch_id, "object_ids": [scene.ids[2]]}
    other.done("submit", force=True)
    assert scene.active() == 2
    scene.run.pump()
    assert [each.get()["status"] for each in (scene, other)] == ["COMPLETED", "COMPLETED"]
    assert scene.active() == 0


def test_batches_of_other_objects_run_at_the_same_time(scene: Scene) -> None:
    first, second = add_batch(scene.run, scene.bucket, scene.ids[:1]), add_batch(scene.run, scene.bucket, scene.ids[1:])
    first.done("submit")
    second.done("submit")
    assert scene.active() == 2


def test_of_two_overlapping_submissions_one_passes(scene: Scene) -> None:
    other = add_batch(scene.run, scene.bucket, scene.ids[:1])
    answers: list[Any] = []
    with before_next(scene.run.world.client, "TransactWriteItems", lambda: answers.append(other.post("submit"))):
        answers.append(scene.post("submit"))
    assert [each.status for each in answers] == [200, 409]
    assert scene.active() == 1


def test_of_concurrent_submissions_one_passes(scene: Scene) -> None:
    other = add_batch(scene.run, scene.bucket, scene.ids[:1])
    calls = [lambda each=each: each.post("submit").status for each in (scene, other, scene)]
    statuses = run_concurrently(calls)
    assert statuses.count(200) == 1, statuses
    assert set(statuses) <= {200, 400, 409}
    assert scene.active() == 1


def test_a_bucket_is_named_by_its_name(scene: Scene) -> None:
    by_name = f"/v1/buckets/reels/batches/{scene.batch_id}"
    assert scene.api.post(f"{by_name}/submit").status == 200
    assert scene.api.post(f"{by_name}/cancel").json["status"] == "CANCELED"


@pytest.mark.parametrize(
    ("locked", "status", "code"), [(True, 403, "bucket_locked"), (False, 409, "bucket_not_active")]
)
def test_a_bucket_that_accepts_no_writes_accepts_none_of_its_batches(
    scene: Scene, status: int, code: str, *, locked: bool
) -> None:
    scene.finish()
    draft = add_batch(scene.run, scene.bucket, scene.ids)
    buckets = scene.run.world.services.buckets
    if locked:
        buckets.set_lock(partition_of(scene.run.world), scene.bucket, locked=True)
    else:
        buckets.set_status(partition_of(scene.run.world), scene.bucket, "ARCHIVED")
    refused = [
        draft.post("submit"),
        draft.post("objects", {"object_ids": scene.ids}),
        scene.api.patch(draft.path, {"metadata": {}}),
        scene.api.call("DELETE", draft.path),
        scene.api.post(f"/v1/buckets/{scene.bucket}/batches", {"object_ids": scene.ids}),
        scene.api.post(f"/v1/buckets/{scene.bucket}/batches/bulk-submit"),
        scene.post("retry", {}),
        scene.post("resubmit"),
    ]
    assert {(each.status, each.error["code"]) for each in refused} == {(status, code)}
    assert draft.done("cancel")["status"] == "CANCELED"


def test_a_webhook_url_that_is_not_public_is_rejected(scene: Scene) -> None:
    for url in HOSTILE_URLS:
        response = scene.post("submit", {"webhook_url": url})
        assert response.status == 422, (url, response.text)
        assert "webhook_url" in response.text
    assert scene.get()["status"] == "DRAFT"


def test_an_invalid_submission_is_rejected(scene: Scene) -> None:
    for body in INVALID:
        assert scene.post("submit", body).status == 422, body


def test_collections_are_refused(scene: Scene) -> None:
    response = scene.post("submit", {"collection_ids": ["col_1"]})
    assert (response.status, response.error["details"]) == (403, {"field": "collection_ids"})


def test_the_secret_is_shown_once(scene: Scene, log: Log) -> None:
    task = scene.done("submit", {"webhook_url": "https://example.com/done"})
    secret = task["additional_data"]["webhook_secret"]
    assert secret.startswith("whsec_")
    scene.run.pump()
    api = scene.api
    shown = [
        scene.get(),
        api.get(f"/v1/tasks/{task['task_id']}").json,
        api.post("/v1/tasks/list").json,
        api.post(f"/v1/buckets/{scene.bucket}/batches/list").json,
        api.post("/v1/batches/list").json,
        scene.done("resubmit"),
        scene.done("cancel"),
    ]
    assert secret not in str(shown)
    assert secret not in log.text
    assert scene.get()["webhook_url"] == "https://example.com/done"


def test_the_secret_of_the_client_is_not_shown(scene: Scene) -> None:
    secret = "a secret of the client"
    task = scene.done("submit", {"webhook_url": "https://example.com/done", "webhook_secret": secret})
    assert secret not in str(task)
    assert "webhook_secret" not in task["additional_data"]


@pytest.mark.parametrize("is_applied", [True, False])
def test_a_submission_whose_response_from_the_database_is_lost_succeeds_once(scene: Scene, *, is_applied: bool) -> None:
    with response_lost(scene.run.world.client, "TransactWriteItems", is_applied=is_applied) as lost:
        task = scene.done("submit")
    assert lost
    assert scene.active() == 1
    scene.run.pump()
    batch = scene.get()
    assert (batch["status"], batch["task_id"]) == ("COMPLETED", task["task_id"])
    assert len(scene.run.processor.calls) == 3


def test_a_submission_loses_against_the_deletion_of_the_bucket(scene: Scene) -> None:
    def delete() -> None:
        assert scene.api.call("DELETE", f"/v1/buckets/{scene.bucket}").status == 200

    with before_next(scene.run.world.client, "TransactWriteItems", delete):
        response = scene.post("submit")
    assert (response.status, response.error["code"]) == (409, "bucket_not_active")
    scene.run.pump()
    assert scene.rows() == []
