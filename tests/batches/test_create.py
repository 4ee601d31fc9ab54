"""The creation of batches."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.batches import selection
from tests.batches.scenes import new_objects, new_scene, response_lost
from tests.support.api import Api, ApiResponse
from tests.support.batches import BatchWorld
from tests.support.objects import create_object_bucket
from tests.support.slow_time import SlowTime

INVALID: list[dict[str, Any]] = [
    {"object_ids": ["obj_1"], "filters": {"title": "Reel"}},
    {"object_ids": []},
    {"object_ids": ["obj_1"], "limit": 1},
    {"filters": {"title": "Reel"}, "limit": 0},
    {"filters": {"field": "title", "operator": "resembles", "value": "x"}},
    {"batch_name": "n" * 257},
    {"metadata": {"notes": "n" * 8000}},
    {"metadata": {"tags": "one"}},
    {"dedup_strategy": "newest"},
    {"colour": "red"},
]
# The body, the query string, and the status of the new batch.
SUBMITTING: list[tuple[dict[str, Any], dict[str, str], str]] = [
    ({"auto_submit": True}, {}, "PENDING"),
    ({"trigger_processing": True}, {}, "PENDING"),
    ({}, {"auto_submit": "true"}, "PENDING"),
    ({}, {"trigger_processing": "true"}, "PENDING"),
    ({"auto_submit": True}, {"auto_submit": "false"}, "DRAFT"),
    ({"auto_submit": True}, {"trigger_processing": "false"}, "DRAFT"),
    ({"auto_submit": False, "trigger_processing": True}, {}, "DRAFT"),
    ({}, {"auto_submit": "false", "trigger_processing": "true"}, "DRAFT"),
]


@pytest.fixture
def bucket(api: Api) -> str:
    return create_object_bucket(api)


def create(api: Api, bucket: str, body: dict[str, Any], **query: Any) -> ApiResponse:
    return api.post(f"/v1/buckets/{bucket}/batches", body, query=query)


def problems(response: ApiResponse) -> str:
    assert response.status == 422, response.text
    return response.text


def test_a_batch_of_ids_keeps_their_order_without_repetitions(api: Api, bucket: str) -> None:
    first, second, third = new_objects(api, bucket, 3)
    batch = create(api, bucket, {"object_ids": [third, first, third, second], "batch_name": "dailies"}).json
    assert batch["object_ids"] == [third, first, second]
    assert (batch["status"], batch["lifecycle"], batch["batch_name"]) == ("DRAFT", "accepted", "dailies")
    assert (batch["max_deploy_resubmits"], batch["max_node_death_resubmits"], batch["progress"]) == (0, 0, None)
    assert batch["dedup_strategy"] == "skip"
    assert api.get(f"/v1/buckets/reels/batches/{batch['batch_id']}").json == {
        **batch,
        "status_message": "Draft with 3 objects, not submitted",
    }


def test_a_filter_selects_the_objects(api: Api, bucket: str) -> None:
    ids = new_objects(api, bucket, 4)
    late = {"filters": {"field": "take", "operator": "gte", "value": 1}}
    assert create(api, bucket, late).json["object_ids"] == ids[1:]
    assert create(api, bucket, {**late, "limit": 2}).json["object_ids"] == ids[1:3]
    nothing = create(api, bucket, {"filters": {"take": 9}})
    assert (nothing.status, nothing.error["code"]) == (400, "no_objects_match")


def test_more_objects_than_the_limit_are_rejected(api: Api, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = new_objects(api, bucket, 3)
    monkeypatch.setattr(selection, "MAX_OBJECTS", 2)
    for body in ({"object_ids": ids}, {"filters": {"title": "Reel"}}):
        assert "too_many_objects" in problems(create(api, bucket, body))
    assert create(api, bucket, {"object_ids": [ids[0], ids[1], ids[0]]}).status == 200


def test_without_objects_it_is_an_empty_draft(api: Api, bucket: str) -> None:
    for body in ({}, {"object_ids": None, "filters": None}):
        batch = create(api, bucket, body).json
        assert (batch["status"], batch["object_ids"], batch["object_count"]) == ("DRAFT", None, 0)


def test_an_empty_batch_that_is_to_be_submitted_is_not_created(api: Api, bucket: str) -> None:
    response = create(api, bucket, {"auto_submit": True})
    assert (response.status, response.error["code"]) == (400, "batch_empty")
    assert api.post(f"/v1/buckets/{bucket}/batches/list").json["results"] == []


def test_unknown_ids_are_named(api: Api, bucket: str) -> None:
    unknown = [f"obj_{number}" for number in range(25)]
    response = create(api, bucket, {"object_ids": [*new_objects(api, bucket, 1), *unknown]})
    assert (response.status, response.error["code"]) == (404, "objects_not_found")
    assert response.error["details"]["object_ids"] == unknown[:20]
    assert response.error["details"]["missing_count"] == 25


def test_ids_of_another_bucket_are_unknown(api: Api, bucket: str) -> None:
    other = create_object_bucket(api, "stills")
    assert create(api, bucket, {"object_ids": new_objects(api, other, 1)}).status == 404


def test_an_object_that_was_not_checked_fails(run: BatchWorld) -> None:
    scene = new_scene(run, 1)
    batch = create(run.api, scene.bucket, {"object_ids": [*scene.ids, "obj_gone"]}, skip_validation=True).json
    scene.path = f"/v1/buckets/{scene.bucket}/batches/{batch['batch_id']}"
    assert scene.finish()["status"] == "COMPLETED_WITH_ERRORS"
    assert scene.get()["failed_objects"][0]["error"] == "The object does not exist"


def test_an_invalid_batch_is_rejected(api: Api, bucket: str) -> None:
    for body in INVALID:
        problems(create(api, bucket, body))


def test_a_name_and_metadata_of_the_maximum_size_are_kept(api: Api, bucket: str) -> None:
    body = {"batch_name": "ü" * 256, "metadata": {"notes": "n" * 7900, "tags": ["a"], "own": {"deep": [1, None]}}}
    batch = create(api, bucket, body).json
    assert (batch["batch_name"], batch["metadata"]) == (body["batch_name"], body["metadata"])


@pytest.mark.parametrize("field", ["collection_ids", "collections"])
def test_collections_are_refused(api: Api, bucket: str, field: str) -> None:
    response = create(api, bucket, {field: ["col_1"]})
    assert (response.status, response.error["type"]) == (403, "NotEnabledError")
    assert response.error["details"] == {"field": "collection_ids"}
    assert create(api, bucket, {field: []}).status == 200


def test_a_batch_is_submitted_at_once_on_request(run: BatchWorld) -> None:
    bucket = create_object_bucket(run.api)
    for body, query, status in SUBMITTING:
        batch = create(run.api, bucket, {"object_ids": new_objects(run.api, bucket, 1), **body}, **query).json
        assert batch["status"] == status, (body, query)
        assert (batch["task_id"] is None) == (status == "DRAFT")


def test_a_batch_that_cannot_be_submitted_at_once_is_named(run: BatchWorld) -> None:
    scene = new_scene(run, 1, auto_submit=True)
    response = create(run.api, scene.bucket, {"object_ids": scene.ids, "auto_submit": True})
    assert (response.status, response.error["code"]) == (409, "objects_in_flight")
    draft = response.error["details"]["draft_batch_id"]
    assert run.api.post(f"/v1/buckets/reels/batches/{draft}/submit?force=true").status == 200


@pytest.mark.parametrize(("strategy", "calls"), [("skip", 0), (None, 0), ("replace", 1), ("force", 1)])
def test_the_strategy_decides_about_completed_objects(run: BatchWorld, strategy: str | None, calls: int) -> None:
    scene = new_scene(run, 1)
    scene.finish()
    run.processor.calls.clear()
    body = {"object_ids": scene.ids, "dedup_strategy": strategy, "auto_submit": True}
    batch = create(run.api, scene.bucket, body).json
    run.pump()
    assert len(run.processor.calls) == calls
    ended = run.api.get(f"/v1/buckets/reels/batches/{batch['batch_id']}").json
    assert (ended["status"], ended["skipped_object_count"]) == ("COMPLETED", 1 - calls)
    assert ended["dedup_strategy"] == (strategy or "skip")


def test_metadata_is_replaced(run: BatchWorld) -> None:
    scene = new_scene(run, 1, metadata={"campaign_id": "spring", "notes": "first"})
    changed = run.api.patch(scene.path, {"metadata": {"own": 1.5}}).json
    assert changed["metadata"] == {"own": 1.5} == scene.get()["metadata"]
    assert run.api.patch(scene.path, {"metadata": {"notes": "n" * 8000}}).status == 422
    assert run.api.patch(scene.path, {"batch_name": "new"}).status == 422
    assert run.api.patch(f"{scene.path}x", {"metadata": {}}).status == 404


def test_an_unknown_bucket_and_an_unknown_batch_are_not_found(api: Api, bucket: str) -> None:
    assert create(api, "bkt_none", {}).error["details"]["resource"] == "bucket"
    for path in ("", "/audit", "/failed-documents"):
        response = api.get(f"/v1/buckets/{bucket}/batches/btch_none{path}")
        assert (response.status, response.error["details"]["resource"]) == (404, "batch")


@pytest.mark.parametrize("is_applied", [True, False])
def test_a_creation_whose_response_from_the_database_is_lost_makes_one_batch(
    time: SlowTime, run: BatchWorld, *, is_applied: bool
) -> None:
    bucket = create_object_bucket(run.api)
    ids = new_objects(run.api, bucket, 1)
    with response_lost(run.world.client, "TransactWriteItems", is_applied=is_applied) as lost:
        batch = create(run.api, bucket, {"object_ids": ids}).json
    assert lost
    results = run.api.post(f"/v1/buckets/{bucket}/batches/list").json["results"]
    assert [each["batch_id"] for each in results] == [batch["batch_id"]]
