"""The deletion of batches, of buckets with batches, and of namespaces."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from chalicelib.objects.stored_object import StoredObject
from chalicelib.processing.processor import BatchContext, ProcessingFailed
from tests.batches.scenes import Scene, add_batch, before_next, catalog_keys, new_objects, new_scene, response_lost
from tests.support.api import ApiResponse
from tests.support.batches import BatchWorld
from tests.support.objects import blob_keys
from tests.support.racing import run_concurrently
from tests.support.slow_time import SlowTime


@pytest.fixture
def scene(time: SlowTime, run: BatchWorld) -> Scene:
    return new_scene(run)


def delete(scene: Scene) -> ApiResponse:
    return scene.api.call("DELETE", scene.path)


def assert_nothing_is_left(scene: Scene) -> None:
    scene.run.pump()
    assert [row for row in scene.rows() if scene.batch_id in row] == []
    assert [sk for _, sk in catalog_keys(scene.run) if scene.batch_id in sk] == []
    assert [key for key in blob_keys(scene.run.world) if scene.batch_id in key] == []


def fails(stored: StoredObject, context: BatchContext) -> Mapping[str, Any]:
    raise ProcessingFailed("network", "busy")


def test_an_ended_batch_is_deleted_and_its_objects_stay(scene: Scene) -> None:
    scene.run.processor.hook = fails
    scene.finish()
    assert delete(scene).json == {"message": "Successfully deleted", "success": True}
    assert_nothing_is_left(scene)
    assert [scene.object(number).status for number in range(3)] == [200] * 3
    assert (delete(scene).status, scene.api.get(scene.path).status) == (404, 404)
    scene.run.world.pump()
    assert scene.api.get(f"/v1/buckets/{scene.bucket}").json["batch_stats"]["total"] == 0


def test_an_active_batch_is_not_deleted(scene: Scene) -> None:
    scene.done("submit")
    response = delete(scene)
    assert (response.status, response.error["code"]) == (409, "batch_active")
    scene.done("cancel")
    assert delete(scene).status == 200
    assert_nothing_is_left(scene)


def test_a_batch_submitted_in_between_is_not_deleted(scene: Scene) -> None:
    with before_next(scene.run.world.client, "UpdateItem", lambda: scene.done("submit")):
        assert delete(scene).status == 409
    scene.run.pump()
    assert scene.get()["status"] == "COMPLETED"


def test_a_batch_that_is_being_deleted_is_not_submitted(scene: Scene) -> None:
    answers: list[ApiResponse] = []
    with before_next(scene.run.world.client, "TransactWriteItems", lambda: answers.append(delete(scene))):
        answers.append(scene.post("submit"))
    assert [each.status for each in answers] == [200, 404]
    assert_nothing_is_left(scene)


def test_of_concurrent_deletions_none_is_an_error_of_the_server(scene: Scene) -> None:
    answers: list[ApiResponse] = []
    with before_next(scene.run.world.client, "TransactWriteItems", lambda: answers.append(delete(scene))):
        answers.append(delete(scene))
    assert [each.status for each in answers] == [200, 404]
    other = add_batch(scene.run, scene.bucket, scene.ids)
    assert set(run_concurrently([lambda: delete(other).status] * 3)) <= {200, 404}
    assert_nothing_is_left(other)


@pytest.mark.parametrize("is_applied", [True, False])
@pytest.mark.parametrize("operation", ["UpdateItem", "TransactWriteItems", "BatchWriteItem"])
def test_a_deletion_whose_response_from_the_database_is_lost_succeeds(
    scene: Scene, operation: str, *, is_applied: bool
) -> None:
    with response_lost(scene.run.world.client, operation, is_applied=is_applied) as lost:
        assert delete(scene).status == 200
    assert lost
    assert_nothing_is_left(scene)


def test_a_worker_that_is_still_busy_leaves_nothing_of_a_deleted_batch(scene: Scene) -> None:
    def hook(stored: StoredObject, context: BatchContext) -> Mapping[str, Any]:
        scene.done("cancel")
        assert delete(scene).status == 200
        raise ProcessingFailed("network", "busy")

    scene.run.processor.hook = hook
    scene.done("submit")
    assert_nothing_is_left(scene)


def test_a_batch_that_is_deleted_while_it_starts_leaves_no_file(scene: Scene) -> None:
    scene.done("submit")

    def cancel_and_delete() -> None:
        scene.done("cancel")
        assert delete(scene).status == 200

    with before_next(scene.run.world.s3, "PutObject", cancel_and_delete):
        assert_nothing_is_left(scene)


def in_every_state(run: BatchWorld) -> list[Scene]:
    """A draft, ended and canceled batches, one that waits, and one that runs, all in one bucket."""
    ended = new_scene(run)
    run.processor.hook = fails
    ended.finish()
    draft, canceled, pending, running = (
        add_batch(run, ended.bucket, new_objects(run.api, ended.bucket, 2)) for _ in range(4)
    )
    canceled.done("cancel")
    running.start()
    pending.done("submit")
    assert [each.get()["status"] for each in (draft, ended, canceled, pending, running)] == [
        "DRAFT",
        "FAILED",
        "CANCELED",
        "PENDING",
        "IN_PROGRESS",
    ]
    return [draft, ended, canceled, pending, running]


def complete_task(run: BatchWorld, task_id: str) -> None:
    """Runs a task before everything else that waits."""
    run.streams()
    while own := [each for each in run.queues.tasks.waiting if each.content["task_id"] == task_id]:
        run.deliver_task(own[0])


@pytest.mark.parametrize("kind", ["bucket", "namespace"])
def test_everything_of_its_batches_is_deleted_with_a_bucket_or_namespace(run: BatchWorld, kind: str) -> None:
    scenes = in_every_state(run)
    tasks = [scene.get()["task_id"] for scene in scenes[3:]]
    bucket = scenes[0].bucket
    path, force = (
        (f"/v1/buckets/{bucket}", "force_foreclose") if kind == "bucket" else ("/v1/namespaces/films", "force")
    )
    refused = run.api.call("DELETE", path)
    assert (refused.status, refused.error["code"]) == (409, "batches_active")
    task = run.api.call("DELETE", path, query={force: "true"})
    assert task.status == 200, task.text
    complete_task(run, task.json["task_id"])
    run.pump()
    assert run.api.get(f"/v1/tasks/{task.json['task_id']}").json["status"] == "COMPLETED"
    assert [key for key in catalog_keys(run) if "btch_" in str(key) or key[0].startswith("BATCHES#")] == []
    assert blob_keys(run.world) == []
    assert {run.api.get(f"/v1/tasks/{task_id}").json["status"] for task_id in tasks} == {"CANCELED"}
    for scene in scenes:
        assert run.api.using(namespace="").get(f"/v1/batches/{scene.batch_id}").status == 404


def test_a_bucket_without_active_batches_is_deleted_without_force(scene: Scene) -> None:
    scene.finish()
    assert scene.api.call("DELETE", f"/v1/buckets/{scene.bucket}").status == 200
    refused = scene.post("resubmit")
    assert (refused.status, refused.error["code"]) == (409, "bucket_not_active")
    assert_nothing_is_left(scene)
