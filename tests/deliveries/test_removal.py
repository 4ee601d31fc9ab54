"""With a bucket or its namespace, everything about its deliveries is deleted, in whatever state it is."""

from __future__ import annotations

import pytest

from chalicelib import keys
from tests.deliveries.unreliable import meanwhile
from tests.support.api import ApiResponse
from tests.support.batches import BatchWorld, new_batch_world
from tests.support.faults import Faults
from tests.support.webhooks import deliver, encoded, event, new_adapter_bucket, signed
from tests.support.world import World


@pytest.fixture
def run(world: World) -> BatchWorld:
    return new_batch_world(world)


def catalog_rows(run: BatchWorld) -> list[tuple[str, str]]:
    rows = run.world.client.scan(TableName=run.world.tables.catalog, ConsistentRead=True)["Items"]
    return [(row["pk"]["S"], row["sk"]["S"]) for row in rows]


def left_of(run: BatchWorld, bucket: str) -> list[tuple[str, str]]:
    """The rows of both tables about a bucket, but for those of its deletion task, of finished tasks and statistics."""
    found = [row for row in catalog_rows(run) if bucket in str(row) or keys.parse_deliveries_partition(row[0])]
    items = run.world.client.scan(TableName=run.world.tables.objects, ConsistentRead=True)["Items"]
    return found + [(item["bucket_id"]["S"], item["object_id"]["S"]) for item in items]


def in_every_state(run: BatchWorld) -> str:
    """A bucket with deliveries in every state, an open window, windows that are closed, and batches."""
    run_ = run.world
    bucket = new_adapter_bucket(
        run.api,
        batching={"mode": "count", "max_batch_size": 2},
        event_filter={"event_types": ["film.added"]},
    )
    body = encoded({**event(1), "noise": [f"{number:x}" for number in range(100_000)]})
    headers = signed(run_, body)
    outcomes = [
        deliver(run_, bucket, body, headers=headers),
        deliver(run_, bucket, body, headers=headers),
        deliver(run_, bucket, event(2)),
        deliver(run_, bucket, event(2), age=1),
        deliver(run_, bucket, event(3, rating="many")),
        deliver(run_, bucket, {**event(4), "type": "film.removed"}),
    ]
    assert [each.json["status"] for each in outcomes] == [
        "accepted",
        "duplicate",
        "accepted",
        "duplicate",
        "parked",
        "ignored",
    ]
    run.pump()
    for number in range(5, 10):
        deliver(run_, bucket, event(number))
    run.world.pump()  # two windows have been closed, no worker has made their batches, and one window is open
    kinds = {sk.partition("#")[0] or sk for pk, sk in catalog_rows(run) if keys.parse_deliveries_partition(pk)}
    assert len(kinds) >= 5, kinds
    return bucket


def delete(run: BatchWorld, bucket: str, kind: str) -> ApiResponse:
    if kind == "bucket":
        return run.api.call("DELETE", f"/v1/buckets/{bucket}", query={"force_foreclose": "true"})
    return run.api.call("DELETE", "/v1/namespaces/films", query={"force": "true"})


@pytest.mark.parametrize("kind", ["bucket", "namespace"])
def test_nothing_about_deliveries_is_left(run: BatchWorld, kind: str) -> None:
    bucket = in_every_state(run)
    assert left_of(run, bucket)
    deleted = delete(run, bucket, kind)
    assert deleted.status == 200, deleted.text
    # The buckets of a namespace are closed one after another, when its task gets to them.
    assert deliver(run.world, bucket, event(20)).status in ((404,) if kind == "bucket" else (200, 404))
    run.pump()
    assert run.api.get(f"/v1/tasks/{deleted.json['task_id']}").json["status"] == "COMPLETED"
    assert [row for row in left_of(run, bucket) if not row[1].startswith(("TASK", "task_"))] == []
    assert not run.queues.batches.dead
    assert not run.queues.tasks.dead


@pytest.mark.parametrize("kind", ["accepted", "parked", "ignored", "duplicate"])
def test_a_delivery_that_is_received_during_the_deletion_leaves_nothing(run: BatchWorld, kind: str) -> None:
    """The deletion starts at each call of the webhook's request, and ends before the response."""
    payload = {
        "accepted": event(1),
        "parked": event(1, rating="many"),
        "ignored": {**event(1), "type": "film.removed"},
        "duplicate": event(1),
    }[kind]
    deletions: list[ApiResponse] = []
    for call in range(1, 20):
        bucket = new_adapter_bucket(run.api, name=f"films {call}", event_filter={"event_types": ["film.added"]})
        if kind == "duplicate":
            assert deliver(run.world, bucket, event(1), age=9).status == 200
        faults = Faults(run.world.client)
        faults.on(call, meanwhile(lambda bucket=bucket: deletions.append(delete(run, bucket, "bucket"))))  # type: ignore[misc]
        response = deliver(run.world, bucket, payload)
        faults.remove()
        if len(deletions) < call:
            break
        assert deletions[-1].status == 200
        assert response.status in (200, 404, 503), response.text
        run.pump()
        assert [row for row in left_of(run, bucket) if not row[1].startswith(("TASK", "task_"))] == [], call
    assert len(deletions) >= 3
