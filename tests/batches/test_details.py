"""What a batch tells about its progress and its failures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from chalicelib.objects.stored_object import StoredObject
from chalicelib.processing.processor import BatchContext, ProcessingFailed
from tests.batches.scenes import Scene, new_scene, take
from tests.support.batches import BatchWorld


def fail_from(scene: Scene, number: int, category: Any = "validation") -> None:
    """Makes the hook fail for all objects from this one on."""

    def hook(stored: StoredObject, context: BatchContext) -> Mapping[str, Any]:
        if take(stored) >= number:
            raise ProcessingFailed(category, f"bad reel {take(stored)}")
        return {}

    scene.run.processor.hook = hook


@pytest.fixture
def scene(run: BatchWorld) -> Scene:
    return new_scene(run, 5)


def test_a_running_batch_shows_its_progress(scene: Scene) -> None:
    seen: list[dict[str, Any]] = []

    def hook(stored: StoredObject, context: BatchContext) -> Mapping[str, Any]:
        scene.run.world.clock.advance(10)
        scene.run.streams()
        seen.append(scene.get())
        if take(stored) == 1:
            raise ProcessingFailed("network", "busy")
        return {}

    scene.run.processor.hook = hook
    scene.finish()
    third = seen[2]
    assert (third["status"], third["lifecycle"], third["current_tier"]) == ("IN_PROGRESS", "extracting", 0)
    progress = third["progress"]
    assert (progress["processed"], progress["total"], progress["percent"]) == (2, 5, 40.0)
    assert (progress["errors"], progress["first_error"]) == (1, "busy")
    assert 0.06 < progress["items_per_second"] < 0.11
    assert progress["eta_seconds"] == pytest.approx(3 / progress["items_per_second"], 0.01)
    assert third["estimated_completion"] > third["last_activity_at"]
    assert (third["health"], third["status_message"]) == ("healthy", "Processing 2 of 5 objects")
    assert third["tier_tasks"][0]["status"] == "IN_PROGRESS"


def test_a_batch_without_activity_is_stalled(scene: Scene) -> None:
    scene.start()
    scene.run.world.clock.advance(301)
    assert scene.get()["health"] == "stalled"


@pytest.mark.parametrize(
    ("first", "status", "message"),
    [
        (5, "COMPLETED", "5 completed, 0 failed, 0 skipped"),
        (3, "COMPLETED_WITH_ERRORS", "3 completed, 2 failed, 0 skipped"),
        (0, "FAILED", "0 completed, 5 failed, 0 skipped"),
    ],
)
def test_the_status_of_an_ended_batch_follows_from_its_outcomes(
    scene: Scene, first: int, status: str, message: str
) -> None:
    fail_from(scene, first)
    batch = scene.finish()
    assert (batch["status"], batch["status_message"]) == (status, f"Ended with 5 objects: {message}")
    assert batch["progress"]["percent"] == 100.0
    task = scene.api.get(f"/v1/tasks/{batch['task_id']}").json
    assert (task["status"], task["error"] is None) == (status, status != "FAILED")
    assert task["outputs"][0]["failed"] == 5 - first
    assert (batch["failure_category"] == "validation") == (status == "FAILED")
    assert scene.object(4).json["status"] == ("COMPLETED" if first == 5 else "FAILED")
    scene.run.world.pump()
    stats = scene.api.get(f"/v1/buckets/{scene.bucket}").json["batch_stats"]
    assert (stats["total"], stats["active"], stats["failed"]) == (1, 0, int(status == "FAILED"))


def test_failures_are_classified_and_paged(scene: Scene) -> None:
    fail_from(scene, 1, "resource")
    batch = scene.finish()
    assert [(each["object_id"], each["error_type"]) for each in batch["failed_objects"]] == [
        (object_id, "resource") for object_id in scene.ids[1:]
    ]
    page = scene.get("/failed-documents", limit=2, offset=1)
    assert [each["error"] for each in page["results"]] == ["bad reel 2", "bad reel 3"]
    assert (page["total_count"], page["limit"], page["offset"]) == (4, 2, 1)
    assert scene.get("/failed-documents", offset=4)["results"] == []
    for query in ({"tier_num": 1}, {"collection_id": "col_1"}):
        assert scene.get("/failed-documents", **query)["total_count"] == 0
    assert scene.get("/failed-documents", tier_num=0)["total_count"] == 4
    for invalid in ({"limit": 0}, {"offset": -1}, {"colour": "red"}):
        assert scene.api.get(f"{scene.path}/failed-documents", query=invalid).status in (400, 422)


@pytest.mark.parametrize(("tolerated", "processed"), [(0, 1), (20, 2), (12.5, 1), (100, 5), (None, 5)])
def test_a_batch_that_fails_too_often_stops(scene: Scene, tolerated: float | None, processed: int) -> None:
    fail_from(scene, 0)
    deliver = scene.run.processor.hook

    def hook(stored: StoredObject, context: BatchContext) -> Mapping[str, Any]:
        scene.run.streams()
        return deliver(stored, context)

    scene.run.processor.hook = hook
    batch = scene.finish(tolerated_failure_percentage=tolerated)
    assert (batch["status"], batch["tolerated_failure_percentage"]) == ("FAILED", tolerated)
    assert batch["progress"]["processed"] in (processed, processed + 1)  # the statistics may be one object late
    is_stopped = processed < 5
    assert (batch["error"] is not None) == is_stopped
    assert scene.get("/audit")["all_balanced"]
    outcomes = [line["outcome"] for line in scene.report()]
    assert ("not_processed" in outcomes) == is_stopped
