from __future__ import annotations

from typing import Any

from tests.support.batches import BatchWorld
from tests.support.objects import create_object_bucket, created


def new_batch(run: BatchWorld, count: int = 3, **body: Any) -> tuple[str, str, list[str]]:
    """Creates a bucket with objects and a batch of them. Returns bucket id, path of the batch, object ids."""
    bucket = create_object_bucket(run.api)
    ids = [created(run.api, bucket, {"title": f"Reel {number}"})["object_id"] for number in range(count)]
    response = run.api.post(f"/v1/buckets/{bucket}/batches", {"object_ids": ids, **body})
    assert response.status == 200, response.text
    return bucket, f"/v1/buckets/{bucket}/batches/{response.json['batch_id']}", ids


def test_a_batch_is_created_submitted_and_processed(run: BatchWorld) -> None:
    bucket, path, ids = new_batch(run)
    draft = run.api.get(path).json
    assert (draft["status"], draft["object_ids"], draft["progress"]) == ("DRAFT", ids, None)
    task = run.api.post(f"{path}/submit").json
    assert (task["status"], task["additional_data"]["object_count"]) == ("PENDING", 3)
    run.pump()
    batch = run.api.get(path).json
    assert batch["status"] == "COMPLETED", batch
    assert run.processor.calls == ids
    assert run.api.get(f"/v1/tasks/{task['task_id']}").json["status"] == "COMPLETED"
    audit = run.api.get(f"{path}/audit").json
    assert audit["all_balanced"]
    assert not audit["has_lost_objects"]
    assert {run.api.get(f"/v1/buckets/{bucket}/objects/{id_}").json["status"] for id_ in ids} == {"COMPLETED"}
