"""Objects that are processed right after their creation."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.batches import BatchWorld
from tests.support.objects import create, create_object_bucket, created


@pytest.fixture
def bucket(run: BatchWorld) -> str:
    return create_object_bucket(run.api)


def create_many(run: BatchWorld, bucket: str, *rows: dict[str, Any]) -> Any:
    return run.api.post(f"/v1/buckets/{bucket}/objects/batch", {"objects": list(rows)}, query={"auto_process": "true"})


def batches(run: BatchWorld, bucket: str) -> list[dict[str, Any]]:
    """Returns the batches of the bucket, oldest first."""
    results: list[dict[str, Any]] = run.api.post(f"/v1/buckets/{bucket}/batches/list").json["results"]
    return list(reversed(results))


def test_an_object_is_submitted_in_a_batch(run: BatchWorld, bucket: str) -> None:
    made = created(run.api, bucket, auto_process="true")
    (batch,) = batches(run, bucket)
    assert (batch["status"], batch["sample_object_ids"]) == ("PENDING", [made["object_id"]])
    run.pump()
    found = run.api.get(f"/v1/buckets/{bucket}/objects/{made['object_id']}").json
    assert found["status"] == "COMPLETED"


def test_the_objects_of_a_request_are_submitted_in_one_batch(run: BatchWorld, bucket: str) -> None:
    answer = create_many(run, bucket, {"title": "a"}, {"take": "wrong"}, {"title": "b"}).json
    assert (answer["succeeded_count"], answer["failed_count"]) == (2, 1)
    (batch,) = batches(run, bucket)
    assert batch["sample_object_ids"] == [each["object_id"] for each in answer["succeeded"]]


def test_without_a_success_there_is_no_batch(run: BatchWorld, bucket: str) -> None:
    assert create_many(run, bucket, {"take": "wrong"}).status == 422
    assert create(run.api, bucket, {"take": "wrong"}, auto_process="true").status == 422
    created(run.api, bucket, auto_process="false")
    assert batches(run, bucket) == []


def test_a_repeated_request_makes_no_second_batch_while_the_first_runs(run: BatchWorld, bucket: str) -> None:
    body = {"title": "M", "idempotency_key": "k"}
    first = created(run.api, bucket, body, auto_process="true")
    assert created(run.api, bucket, body, auto_process="true")["object_id"] == first["object_id"]
    assert create_many(run, bucket, body).json["succeeded"][0]["replayed"]
    assert len(batches(run, bucket)) == 1
    run.pump()
    assert run.processor.calls == [first["object_id"]]


def test_a_repeated_request_submits_what_the_first_did_not(run: BatchWorld, bucket: str) -> None:
    body = {"title": "M", "idempotency_key": "k"}
    first = created(run.api, bucket, body)
    created(run.api, bucket, body, auto_process="true")
    run.pump()
    assert run.processor.calls == [first["object_id"]]


def test_new_objects_are_submitted_although_others_of_the_request_are_in_flight(run: BatchWorld, bucket: str) -> None:
    known = {"title": "known", "idempotency_key": "k"}
    create_many(run, bucket, known)
    answer = create_many(run, bucket, known, {"title": "new"}).json
    assert [each["replayed"] for each in answer["succeeded"]] == [True, False]
    first, second = batches(run, bucket)
    assert second["sample_object_ids"] == [answer["succeeded"][1]["object_id"]]
    assert (first["object_count"], second["object_count"], second["status"]) == (1, 1, "PENDING")
