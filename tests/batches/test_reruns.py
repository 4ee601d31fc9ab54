"""Batches that run again: retries of failed objects, and resubmissions of all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from chalicelib.batches import batch as batch_module
from chalicelib.batches import chunk_store
from chalicelib.objects.stored_object import StoredObject
from chalicelib.processing.processor import BatchContext, ProcessingFailed
from tests.batches.scenes import Scene, add_batch, before_next, new_scene, response_lost, take
from tests.support.batches import BatchWorld
from tests.support.slow_time import SlowTime


class Hook:
    """Fails for the objects in `failing`, which have a category for the number of an object."""

    def __init__(self, failing: dict[int, str]) -> None:
        self.failing = failing
        self.attempts: list[int] = []

    def __call__(self, stored: StoredObject, context: BatchContext) -> Mapping[str, Any]:
        self.attempts.append(context.attempt)
        category: Any = self.failing.get(take(stored))
        if category:
            raise ProcessingFailed(category, f"failed {context.attempt}")
        return {}


@pytest.fixture
def hook(run: BatchWorld) -> Hook:
    hook = Hook({0: "network", 2: "validation"})
    run.processor.hook = hook
    return hook


@pytest.fixture
def scene(time: SlowTime, run: BatchWorld, hook: Hook) -> Scene:
    """A batch of four objects in two chunks. One object of each chunk fails."""
    return new_scene(run, 4)


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_module, "CHUNK_SIZE", 2)
    monkeypatch.setattr(chunk_store, "CHUNK_SIZE", 2)


def failed(scene: Scene) -> list[tuple[str, int]]:
    return [(each["object_id"], each["retry_count"]) for each in scene.get("/failed-documents")["results"]]


def rerun(scene: Scene, action: str, body: Any = None, **query: Any) -> Any:
    response = scene.done(action, body, **query)
    scene.run.pump()
    return response


def test_a_retry_repeats_only_transient_failures(scene: Scene, hook: Hook) -> None:
    first = scene.finish()
    assert (first["status"], first["error_summary"]) == ("COMPLETED_WITH_ERRORS", {"network": 1, "validation": 1})
    hook.failing.clear()
    scene.run.processor.calls.clear()
    done = rerun(scene, "retry", {})
    assert (done["batch_id"], done["retried"], done["skipped"]) == (scene.batch_id, 1, 1)
    batch = scene.get()
    assert scene.run.processor.calls == [scene.ids[0]]
    assert batch["task_id"] == done["task_id"] != first["task_id"]
    assert (batch["status"], batch["retry_count"], batch["error_summary"]) == (
        "COMPLETED_WITH_ERRORS",
        1,
        {"validation": 1},
    )
    assert (batch["progress"]["processed"], batch["progress"]["items_per_second"]) == (4, None)
    assert failed(scene) == [(scene.ids[2], 0)]
    assert scene.object(0).json["status"] == "COMPLETED"


def test_a_retry_of_all_removes_every_failure(scene: Scene, hook: Hook) -> None:
    scene.finish()
    hook.failing.clear()
    assert rerun(scene, "retry", {"retry_mode": "all"})["retried"] == 2
    batch = scene.get()
    assert (batch["status"], batch["failed_objects"], batch["failed_object_count"]) == ("COMPLETED", None, 0)
    assert failed(scene) == []
    assert not [row for row in scene.rows() if row.startswith("ERR#")]
    assert [line["attempts"] for line in scene.report()] == [2, 1, 2, 1]
    assert scene.get("/audit")["all_balanced"]


def test_objects_that_were_retried_often_are_left_out(scene: Scene, hook: Hook) -> None:
    scene.finish()
    body = {"retry_mode": "all", "max_retry_count": 1}
    assert rerun(scene, "retry", body)["retried"] == 2
    assert failed(scene) == [(scene.ids[0], 1), (scene.ids[2], 1)]
    nothing = scene.done("retry", body)
    assert (nothing["retried"], nothing["skipped"], nothing["task_id"]) == (0, 2, None)
    assert scene.get()["status"] == "COMPLETED_WITH_ERRORS"
    assert rerun(scene, "retry", {"retry_mode": "all"})["retried"] == 2
    assert hook.attempts[-2:] == [3, 3]


def test_a_second_retry_includes_chunks_that_the_first_did_not(scene: Scene, hook: Hook) -> None:
    scene.finish()
    rerun(scene, "retry", {})
    hook.failing.clear()
    assert rerun(scene, "retry", {"retry_mode": "all"})["retried"] == 2
    assert scene.get()["status"] == "COMPLETED"


def test_objects_that_wait_for_a_retry_are_not_listed_as_failed(scene: Scene, hook: Hook) -> None:
    scene.finish()
    scene.run.processor.hook = lambda stored, context: scene.done("cancel") and {}
    rerun(scene, "retry", {"retry_mode": "all"})
    batch = scene.get()
    assert batch["status"] == "CANCELED"
    assert len(failed(scene)) == batch["failed_object_count"] == len(batch["failed_objects"] or ())


def test_an_invalid_retry_is_rejected(scene: Scene) -> None:
    invalid: tuple[dict[str, Any] | None, ...] = (
        None,
        {"retry_mode": "some"},
        {"max_retry_count": 0},
        {"max_retry_count": 11},
        {"tier_nums": [1]},
        {"colour": "red"},
    )
    for body in invalid:
        assert scene.post("retry", body).status == 422, body


def test_what_has_not_ended_or_has_no_failures_is_not_retried(scene: Scene, hook: Hook) -> None:
    hook.failing.clear()
    for expected in ("batch_not_ended", "batch_not_ended", "nothing_to_retry", "nothing_to_retry"):
        response = scene.post("retry", {"retry_mode": "all"})
        assert (response.status, response.error["code"]) == (400, expected)
        status = scene.get()["status"]
        if status == "DRAFT":
            scene.done("submit")
        elif status == "PENDING":
            scene.run.pump()
        else:
            scene.done("resubmit")
            scene.done("cancel")


def test_a_retry_checks_for_objects_in_flight(scene: Scene) -> None:
    scene.finish()
    add_batch(scene.run, scene.bucket, scene.ids).done("submit")
    for action, body in (("retry", {}), ("resubmit", None)):
        assert scene.post(action, body).error["code"] == "objects_in_flight"


def test_a_resubmission_starts_over_with_completed_objects_too(scene: Scene, hook: Hook) -> None:
    first = scene.finish()
    hook.failing = {1: "runtime"}
    done = rerun(scene, "resubmit")
    assert (done["status"], done["task_id"] != first["task_id"]) == ("PENDING", True)
    assert scene.run.processor.calls == scene.ids * 2
    assert set(hook.attempts) == {1}
    batch = scene.get()
    assert (batch["error_summary"], batch["effective_dedup_strategy"]) == ({"runtime": 1}, "force")
    assert batch["progress"]["processed"] == 4
    assert failed(scene) == [(scene.ids[1], 0)]


def test_a_resubmission_without_a_submission_makes_a_draft(scene: Scene, hook: Hook) -> None:
    scene.finish(tolerated_failure_percentage=100)
    hook.failing.clear()
    assert scene.done("resubmit", {"auto_submit": False}) == {
        "batch_id": scene.batch_id,
        "status": "DRAFT",
        "task_id": None,
    }
    draft = scene.get()
    assert (draft["progress"], draft["failed_objects"], draft["report_key"]) == (None, None, None)
    assert (draft["task_id"], draft["tolerated_failure_percentage"]) == (None, None)
    assert (failed(scene), scene.get("/audit")["tiers"][0]["waiting"]) == ([], 4)
    scene.done("objects", {"object_ids": ["obj_late"]}, skip_validation=True)
    assert scene.finish()["failed_object_count"] == 1


def test_a_resubmitted_draft_that_is_canceled_has_no_outcomes(scene: Scene) -> None:
    scene.finish()
    scene.done("resubmit", auto_submit=False)
    rerun(scene, "cancel")
    batch = scene.get()
    assert batch["status_message"] == "Canceled: 0 completed, 0 failed, 0 skipped, 4 not processed"
    assert [(line["outcome"], line["attempts"]) for line in scene.report()] == [("not_processed", 0)] * 4


def test_an_empty_batch_is_resubmitted_as_a_draft(run: BatchWorld) -> None:
    scene = new_scene(run, 0)
    scene.done("cancel")
    assert scene.done("resubmit")["status"] == "DRAFT"


@pytest.mark.parametrize(
    ("body", "query", "status"),
    [
        ({"auto_submit": False}, {"auto_submit": "true"}, "PENDING"),
        ({"auto_submit": True}, {"trigger_processing": "false"}, "DRAFT"),
        ({"trigger_processing": False}, {}, "DRAFT"),
        ({"from_tier": 0}, {"from_tier": "0"}, "PENDING"),
    ],
)
def test_the_query_of_a_resubmission_takes_precedence(
    scene: Scene, body: dict[str, Any], query: dict[str, str], status: str
) -> None:
    scene.done("cancel")
    assert scene.done("resubmit", body, **query)["status"] == status


def test_only_an_ended_batch_is_resubmitted(scene: Scene) -> None:
    response = scene.post("resubmit")
    assert (response.status, response.error["code"]) == (400, "batch_not_ended")
    assert scene.post("resubmit", from_tier=1).status == 422


def test_a_worker_of_the_old_run_does_not_touch_the_new_one(scene: Scene, hook: Hook) -> None:
    """It is still busy with an object when the batch is canceled, resubmitted and its object processed again."""
    scene.done("submit")

    def slow(stored: StoredObject, context: BatchContext) -> Mapping[str, Any]:
        hook.failing.clear()
        scene.run.processor.hook = hook
        scene.done("cancel")
        scene.done("resubmit")
        scene.run.world.clock.advance(400)  # its lease ends
        scene.run.pump()
        assert scene.get()["status"] == "COMPLETED"
        raise ProcessingFailed("runtime", "too late")

    scene.run.processor.hook = slow
    scene.run.pump()
    batch = scene.get()
    assert (batch["status"], batch["failed_objects"], failed(scene)) == ("COMPLETED", None, [])
    assert not [row for row in scene.rows() if row.startswith("ERR#")]
    assert [line["outcome"] for line in scene.report()] == ["completed"] * 4


def test_a_stopped_resubmission_counts_only_its_own_failures_in_a_retry(run: BatchWorld, hook: Hook) -> None:
    scene = new_scene(run, 6)
    hook.failing = dict.fromkeys(range(6), "network")
    scene.finish(tolerated_failure_percentage=100)
    scene.done("resubmit", auto_submit=False)
    hook.failing = {0: "network"}
    scene.done("submit", {"tolerated_failure_percentage": 0})
    scene.run.pump()
    stopped = scene.get()
    assert (stopped["status"], stopped["failed_object_count"]) == ("FAILED", 1)
    assert scene.done("retry", {})["retried"] == 1


@pytest.mark.parametrize("is_applied", [True, False])
@pytest.mark.parametrize(("action", "body"), [("retry", {"retry_mode": "all"}), ("resubmit", None)])
def test_a_rerun_whose_response_from_the_database_is_lost_starts_once(
    scene: Scene, action: str, body: Any, *, is_applied: bool
) -> None:
    scene.finish()
    with response_lost(scene.run.world.client, "TransactWriteItems", is_applied=is_applied) as lost:
        task_id = scene.done(action, body)["task_id"]
    assert lost
    assert (scene.active(), scene.get()["task_id"]) == (1, task_id)


def test_of_two_retries_one_runs(scene: Scene) -> None:
    scene.finish()
    answers: list[Any] = []
    with before_next(scene.run.world.client, "TransactWriteItems", lambda: answers.append(scene.post("retry", {}))):
        answers.append(scene.post("retry", {}))
    assert [each.status for each in answers] == [200, 400]
    assert answers[1].error["code"] == "batch_not_ended"
