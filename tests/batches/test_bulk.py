"""Many batches that one request submits."""

from __future__ import annotations

from typing import Any

import pytest

from tests.batches.scenes import Scene, add_batch, before_next, new_objects, new_scene
from tests.support.batches import BatchWorld
from tests.support.faults import Faults, lost
from tests.support.objects import create_object_bucket
from tests.support.slow_time import SlowTime

INVALID: list[tuple[Any, int]] = [
    (None, 400),
    ({"filters": {"take": 9}}, 400),
    ({"chunk_size": 0}, 422),
    ({"chunk_size": 50_001}, 422),
    ({"max_objects": 0}, 422),
    ({"collection_ids": ["col_1"]}, 403),
    ({"colour": "red"}, 422),
]


@pytest.fixture
def bucket(run: BatchWorld) -> str:
    return create_object_bucket(run.api)


def bulk(run: BatchWorld, bucket: str, body: Any = None) -> Any:
    response = run.api.post(f"/v1/buckets/{bucket}/batches/bulk-submit", body)
    assert response.status == 200, response.text
    return response.json


def test_every_draft_is_submitted_oldest_first(run: BatchWorld, bucket: str) -> None:
    ids = new_objects(run.api, bucket, 3)
    drafts = [add_batch(run, bucket, [object_id]) for object_id in ids]
    empty, overlapping = add_batch(run, bucket, []), add_batch(run, bucket, ids)
    drafts[1].done("submit")
    answer = run.api.post(f"/v1/buckets/{bucket}/batches/submit-all").json
    assert answer["submitted"] == [drafts[0].batch_id, drafts[2].batch_id]
    assert [each["batch_id"] for each in answer["failed"]] == [empty.batch_id, overlapping.batch_id]
    assert all(each["error"] for each in answer["failed"])
    assert answer["total"] == 4
    run.pump()
    assert [draft.get()["status"] for draft in drafts] == ["COMPLETED"] * 3


def test_without_drafts_nothing_is_submitted(run: BatchWorld, bucket: str) -> None:
    answer = run.api.post(f"/v1/buckets/{bucket}/batches/submit-all").json
    assert answer == {"submitted": [], "failed": [], "total": 0}


def test_the_objects_of_a_bucket_are_submitted_in_batches(run: BatchWorld, bucket: str) -> None:
    ids = new_objects(run.api, bucket, 5)
    answer = bulk(run, bucket, {"chunk_size": 2})
    assert (answer["total_objects"], answer["total_batches"], answer["chunk_size"]) == (5, 3, 2)
    assert (answer["submitted"], answer["failed"]) == (3, 0)
    assert [each["object_count"] for each in answer["batches"]] == [2, 2, 1]
    assert {(each["status"], each["error"]) for each in answer["batches"]} == {("PENDING", None)}
    run.pump()
    assert sorted(run.processor.calls) == sorted(ids)
    batch = run.api.get(f"/v1/batches/{answer['batches'][0]['batch_id']}").json
    assert batch["metadata"] == {"batch_group_id": answer["batch_group_id"]}


def test_filters_a_maximum_and_a_strategy_take_effect(run: BatchWorld, bucket: str) -> None:
    ids = new_objects(run.api, bucket, 4)
    add_batch(run, bucket, ids).finish()
    run.processor.calls.clear()
    late = {"field": "take", "operator": "gte", "value": 1}
    answer = bulk(run, bucket, {"filters": late, "max_objects": 2, "dedup_strategy": "force"})
    assert (answer["total_objects"], answer["chunk_size"]) == (2, 1000)
    run.pump()
    assert run.processor.calls == ids[1:3]


def test_what_cannot_be_submitted_stays_a_draft(run: BatchWorld, bucket: str) -> None:
    ids = new_objects(run.api, bucket, 2)
    add_batch(run, bucket, ids[:1]).done("submit")
    answer = bulk(run, bucket, {"chunk_size": 1})
    assert (answer["submitted"], answer["failed"]) == (1, 1)
    assert [each["status"] for each in answer["batches"]] == ["DRAFT", "PENDING"]


def test_batches_that_were_submitted_before_an_error_are_told(time: SlowTime, run: BatchWorld, bucket: str) -> None:
    new_objects(run.api, bucket, 3)
    faults = Faults(run.world.client)
    try:
        # Later calls do not reach the database. The third transaction would store the second batch.
        with before_next(run.world.client, "TransactWriteItems", lambda: faults.always(lost()), at=3):
            answer = bulk(run, bucket, {"chunk_size": 1})
    finally:
        faults.remove()
    assert (answer["total_batches"], answer["submitted"], answer["failed"]) == (3, 1, 2)
    assert [each["status"] for each in answer["batches"]] == ["PENDING"]


def test_an_invalid_or_empty_bulk_submission_is_rejected(run: BatchWorld, bucket: str) -> None:
    for body, status in INVALID:
        assert run.api.post(f"/v1/buckets/{bucket}/batches/bulk-submit", body).status == status, body


def test_an_unknown_bucket_is_not_found(run: BatchWorld) -> None:
    for action in ("submit-all", "bulk-submit"):
        assert run.api.post(f"/v1/buckets/bkt_none/batches/{action}").status == 404


def test_submitting_all_includes_resubmitted_drafts(run: BatchWorld) -> None:
    scene: Scene = new_scene(run, 1)
    scene.finish()
    scene.done("resubmit", auto_submit=False)
    assert run.api.post(f"/v1/buckets/{scene.bucket}/batches/submit-all").json["submitted"] == [scene.batch_id]
