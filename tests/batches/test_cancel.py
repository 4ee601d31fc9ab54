"""The cancellation of batches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from chalicelib.objects.stored_object import StoredObject
from chalicelib.processing.processor import BatchContext
from tests.batches.scenes import Scene, before_next, new_scene, response_lost, take
from tests.support.batches import BatchWorld
from tests.support.slow_time import SlowTime


@pytest.fixture
def scene(time: SlowTime, run: BatchWorld) -> Scene:
    return new_scene(run)


def cancel_at(scene: Scene, number: int) -> None:
    """Makes the hook cancel the batch while it processes this object."""

    def hook(stored: StoredObject, context: BatchContext) -> Mapping[str, Any]:
        if take(stored) == number:
            scene.done("cancel", reason="wrong reels")
        return {}

    scene.run.processor.hook = hook


def test_a_draft_is_canceled_with_a_task_and_a_report(scene: Scene) -> None:
    task = scene.done("cancel", reason="not needed")
    assert (task["status"], task["inputs"]) == ("CANCELED", [scene.batch_id])
    assert scene.api.get(f"/v1/tasks/{task['task_id']}").json["status"] == "CANCELED"
    scene.run.pump()
    batch = scene.get()
    assert (batch["status"], batch["lifecycle"], batch["lifecycle_reason"]) == ("CANCELED", "canceled", "not needed")
    assert [line["outcome"] for line in scene.report()] == ["not_processed"] * 3
    assert scene.run.processor.calls == []


def test_a_batch_that_has_not_started_never_starts(scene: Scene) -> None:
    task = scene.done("submit")
    canceled = scene.done("cancel")
    assert (canceled["task_id"], canceled["status"]) == (task["task_id"], "CANCELED")
    scene.run.pump()
    assert (scene.get()["status"], scene.run.processor.calls) == ("CANCELED", [])
    assert scene.active() == 0


def test_the_object_in_hand_is_completed_and_no_other_starts(scene: Scene) -> None:
    cancel_at(scene, 1)
    batch = scene.finish()
    assert scene.run.processor.calls == scene.ids[:2]
    assert (batch["status"], batch["lifecycle_reason"]) == ("CANCELED", "wrong reels")
    assert (batch["progress"]["processed"], batch["documents_resolvable"]) == (2, True)
    assert batch["status_message"] == "Canceled: 2 completed, 0 failed, 0 skipped, 1 not processed"
    assert [line["outcome"] for line in scene.report()] == ["completed", "completed", "not_processed"]
    assert [scene.object(number).json["status"] for number in range(3)] == ["COMPLETED", "COMPLETED", "PENDING"]
    audit = scene.get("/audit")
    assert (audit["all_balanced"], audit["tiers"][0]["skipped"], len(audit["tiers"][0]["notes"])) == (True, 1, 1)


def test_a_cancellation_while_a_worker_claims_the_objects_starts_none(scene: Scene) -> None:
    scene.start()

    def end_and_report() -> None:
        scene.done("cancel")
        scene.run.streams()
        finish = next(each for each in scene.run.queues.batches.waiting if each.content["kind"] == "finish")
        assert scene.run.deliver(finish)

    (chunk,) = scene.run.queues.batches.waiting
    with before_next(scene.run.world.client, "UpdateItem", end_and_report):
        scene.run.deliver(chunk)
    scene.run.pump()
    assert scene.run.processor.calls == []
    assert [line["outcome"] for line in scene.report()] == ["not_processed"] * 3
    assert scene.get("/audit")["tiers"][0]["skipped"] == 3


def test_an_ended_batch_cannot_be_canceled(scene: Scene) -> None:
    scene.finish()
    for status in ("COMPLETED", "CANCELED"):
        response = scene.post("cancel")
        assert (response.status, response.error["code"]) == (400, "batch_ended")
        assert response.error["details"]["status"] == status
        scene.done("resubmit", auto_submit=False)
        scene.done("cancel")


def test_a_task_cancels_its_batch(scene: Scene) -> None:
    task = f"/v1/tasks/{scene.done('submit')['task_id']}"
    for _ in range(2):
        assert scene.api.call("DELETE", task).status == 200
        batch = scene.get()
        assert (batch["status"], batch["lifecycle_reason"]) == ("CANCELED", "The task of the batch was canceled")
    assert scene.active() == 0


def test_a_task_cancels_no_later_run(scene: Scene) -> None:
    task = f"/v1/tasks/{scene.done('submit')['task_id']}"

    def end_and_run_again() -> None:
        scene.done("cancel")
        scene.done("resubmit")

    # The request has read the task, and reads the batch next.
    with before_next(scene.run.world.client, "GetItem", end_and_run_again, at=3):
        assert scene.api.call("DELETE", task).status == 200
    assert scene.get()["status"] == "PENDING"


def test_a_batch_is_canceled_by_its_id_alone(scene: Scene) -> None:
    scene.done("submit")
    response = scene.api.using(namespace="").post(f"/v1/batches/{scene.batch_id}/cancel", query={"reason": "r"})
    assert (response.status, response.json["status"]) == (200, "CANCELED")
    assert scene.get()["lifecycle_reason"] == "r"


def test_a_cancellation_after_the_last_object_counts_all(scene: Scene) -> None:
    cancel_at(scene, 2)
    batch = scene.finish()
    assert (batch["status"], batch["progress"]["processed"]) == ("CANCELED", 3)
    assert scene.get("/audit")["all_balanced"]


def test_a_cancellation_that_comes_before_the_end_is_stored_wins(scene: Scene) -> None:
    scene.start()
    # The transaction closes the batch after its last object.
    with before_next(scene.run.world.client, "TransactWriteItems", lambda: scene.done("cancel")):
        scene.run.pump()
    assert scene.get()["status"] == "CANCELED"
    assert scene.active() == 0
    assert [line["outcome"] for line in scene.report()] == ["completed"] * 3


@pytest.mark.parametrize("is_applied", [True, False])
@pytest.mark.parametrize("is_draft", [True, False])
def test_a_cancellation_whose_response_from_the_database_is_lost_succeeds(
    scene: Scene, *, is_draft: bool, is_applied: bool
) -> None:
    if not is_draft:
        scene.done("submit")
    with response_lost(scene.run.world.client, "TransactWriteItems", is_applied=is_applied) as lost:
        assert scene.done("cancel")["status"] == "CANCELED"
    assert lost
    assert scene.active() == 0
