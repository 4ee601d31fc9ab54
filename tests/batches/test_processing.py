"""What a run does with the objects of a batch and with the fields that the hook returns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from chalicelib.objects.stored_object import StoredObject
from chalicelib.processing.processor import BatchContext
from tests.batches.scenes import Scene, new_scene
from tests.support.batches import BatchWorld


@pytest.fixture
def scene(run: BatchWorld) -> Scene:
    return new_scene(run, 1, metadata={"campaign_id": "spring"})


def finish(scene: Scene, hook: Callable[[StoredObject, BatchContext], Mapping[str, Any]]) -> Any:
    scene.run.processor.hook = hook
    return scene.finish()


def test_returned_fields_are_merged_as_by_a_patch(scene: Scene) -> None:
    seen: list[BatchContext] = []

    def hook(stored: StoredObject, context: BatchContext) -> Mapping[str, Any]:
        seen.append(context)
        return {"title": "Restored", "take": None}

    finish(scene, hook)
    found = scene.object(0).json
    assert (found["title"], found["status"], found["error"]) == ("Restored", "COMPLETED", None)
    assert found.get("take") is None
    assert (seen[0].metadata, seen[0].attempt) == ({"campaign_id": "spring"}, 1)


@pytest.mark.parametrize("fields", [{"take": "many"}, {"object_id": "obj_x"}], ids=str)
def test_fields_that_the_bucket_rejects_fail_the_object(scene: Scene, fields: dict[str, Any]) -> None:
    batch = finish(scene, lambda stored, context: fields)
    assert (batch["status"], batch["error_summary"]) == ("FAILED", {"validation": 1})
    found = scene.object(0).json
    assert (found["status"], found["take"]) == ("FAILED", 0)
    assert found["error"].startswith("The hook returned fields that are rejected")


def test_an_object_that_was_changed_meanwhile_is_left_as_it_is(scene: Scene) -> None:
    def hook(stored: StoredObject, context: BatchContext) -> Mapping[str, Any]:
        assert scene.api.patch(f"/v1/buckets/{scene.bucket}/objects/{scene.ids[0]}", {"title": "mine"}).status == 200
        return {"title": "hook"}

    batch = finish(scene, hook)
    assert (batch["status"], batch["skipped_object_count"]) == ("COMPLETED", 1)
    assert (scene.object(0).json["title"], scene.object(0).json["status"]) == ("mine", "PENDING")
    assert scene.report()[0]["reason"] == "changed while it was processed"


def test_an_object_that_was_deleted_meanwhile_stays_deleted(scene: Scene) -> None:
    def hook(stored: StoredObject, context: BatchContext) -> Mapping[str, Any]:
        assert scene.api.call("DELETE", f"/v1/buckets/{scene.bucket}/objects/{scene.ids[0]}").status == 204
        return {"title": "hook"}

    batch = finish(scene, hook)
    assert (batch["status"], batch["skipped_object_count"]) == ("COMPLETED", 1)
    assert scene.object(0).status == 404
    assert scene.report()[0]["reason"] == "deleted while it was processed"


def test_metadata_that_changes_during_a_run_loses_no_outcome(run: BatchWorld) -> None:
    scene = new_scene(run, 3)
    seen: list[Mapping[str, Any]] = []

    def hook(stored: StoredObject, context: BatchContext) -> Mapping[str, Any]:
        seen.append(context.metadata)
        assert scene.api.patch(scene.path, {"metadata": {"notes": f"{len(seen)}"}}).status == 200
        return {}

    batch = finish(scene, hook)
    assert (batch["status"], batch["metadata"]) == ("COMPLETED", {"notes": "3"})
    assert seen == [{}, {"notes": "1"}, {"notes": "2"}]
