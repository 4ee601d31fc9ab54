"""Objects that are added to drafts."""

from __future__ import annotations

import pytest

from chalicelib.batches import batch as batch_module
from chalicelib.batches import chunk_store, service
from chalicelib.batches.store import BatchStore
from tests.batches.scenes import Scene, before_next, new_objects, new_scene, response_lost
from tests.support.batches import BatchWorld
from tests.support.racing import run_concurrently
from tests.support.slow_time import SlowTime


@pytest.fixture
def scene(run: BatchWorld) -> Scene:
    """An empty draft, and five objects."""
    scene = new_scene(run, 0)
    scene.ids = new_objects(run.api, scene.bucket, 5)
    return scene


def test_objects_are_added_once(scene: Scene) -> None:
    a, b, c, *_ = scene.ids
    assert scene.done("objects", {"object_ids": [b, b, a]})["object_ids"] == [b, a]
    added = scene.done("objects", {"object_ids": [a, c]})
    assert (added["object_ids"], added["object_count"], added["sample_object_ids"]) == ([b, a, c], 3, [b, a, c])
    assert scene.done("objects", {"object_ids": [c]})["updated_at"] == added["updated_at"]
    scene.finish()
    assert scene.run.processor.calls == [b, a, c]


def test_unknown_objects_are_named_unless_the_check_is_skipped(scene: Scene) -> None:
    body = {"object_ids": ["obj_gone"]}
    response = scene.post("objects", body)
    assert (response.status, response.error["details"]["object_ids"]) == (404, ["obj_gone"])
    assert scene.done("objects", body, skip_validation=True)["object_ids"] == ["obj_gone"]


@pytest.mark.parametrize("end", ["submit", "cancel"])
def test_only_a_draft_accepts_objects(scene: Scene, end: str) -> None:
    scene.done("objects", {"object_ids": scene.ids[:1]})
    scene.done(end)
    response = scene.post("objects", {"object_ids": scene.ids})
    assert (response.status, response.error["code"]) == (400, "batch_not_draft")


def test_more_objects_than_one_transaction_holds_are_added(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BatchStore, "max_appended", 2)
    assert scene.done("objects", {"object_ids": scene.ids})["object_ids"] == scene.ids
    assert scene.finish()["progress"]["processed"] == 5


def test_the_limit_counts_the_objects_of_all_requests(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "MAX_OBJECTS", 4)
    scene.done("objects", {"object_ids": scene.ids[:3]})
    response = scene.post("objects", {"object_ids": scene.ids[1:]})
    assert response.status == 422
    assert "too_many_objects" in response.text
    assert scene.done("objects", {"object_ids": scene.ids[:4]})["object_count"] == 4


def test_concurrent_requests_lose_nothing(scene: Scene) -> None:
    def add(ids: list[str]) -> int:
        return scene.post("objects", {"object_ids": ids}).status

    assert run_concurrently([lambda: add(scene.ids[:3]), lambda: add(scene.ids[2:])]) == [200, 200]
    batch = scene.get()
    assert sorted(batch["object_ids"]) == sorted(scene.ids)
    assert batch["object_count"] == 5


def test_the_same_objects_added_in_between_are_added_once(scene: Scene) -> None:
    def add_others() -> None:
        scene.done("objects", {"object_ids": scene.ids[1:3]})

    with before_next(scene.run.world.client, "TransactWriteItems", add_others):
        scene.done("objects", {"object_ids": scene.ids[:2]})
    assert sorted(scene.get()["object_ids"]) == sorted(scene.ids[:3])


def test_a_draft_submitted_in_between_rejects_the_objects(scene: Scene) -> None:
    scene.done("objects", {"object_ids": scene.ids[:1]})
    with before_next(scene.run.world.client, "TransactWriteItems", lambda: scene.done("submit")):
        response = scene.post("objects", {"object_ids": scene.ids})
    assert (response.status, response.error["code"]) == (400, "batch_not_draft")
    scene.run.pump()
    assert scene.get()["progress"]["total"] == 1
    assert scene.get("/audit")["all_balanced"]


@pytest.mark.parametrize("is_applied", [True, False])
def test_an_addition_whose_response_from_the_database_is_lost_is_made_once(
    time: SlowTime, run: BatchWorld, *, is_applied: bool
) -> None:
    scene = new_scene(run, 0)
    ids = new_objects(run.api, scene.bucket, 2)
    with response_lost(run.world.client, "TransactWriteItems", is_applied=is_applied) as lost:
        assert scene.done("objects", {"object_ids": ids})["object_ids"] == ids
    assert lost
    assert len([row for row in scene.rows() if row.startswith("IDS#")]) == 1


def test_objects_that_are_added_one_by_one_fill_the_last_chunk(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_module, "CHUNK_SIZE", 2)
    monkeypatch.setattr(chunk_store, "CHUNK_SIZE", 2)
    for object_id in scene.ids:
        scene.done("objects", {"object_ids": [object_id]})
    assert scene.get()["object_ids"] == scene.ids
    assert sum(sk.startswith("IDS#") for sk in scene.rows()) == 3
    assert scene.finish()["progress"]["processed"] == 5
