"""Objects of deliveries are collected into batches, by time, by number, or one by one."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.batches import BatchWorld, new_batch_world
from tests.support.webhooks import ADAPTER, deliver, event, new_adapter_bucket
from tests.support.world import World


@pytest.fixture
def run(world: World) -> BatchWorld:
    return new_batch_world(world)


def batches_of(run: BatchWorld, bucket: str) -> list[dict[str, Any]]:
    return list(run.api.post(f"/v1/buckets/{bucket}/batches/list", {}).json["results"])


def new_bucket(run: BatchWorld, **batching: Any) -> str:
    return new_adapter_bucket(run.api, batching=batching)


def deliver_all(run: BatchWorld, bucket: str, *numbers: int) -> list[str]:
    found = [deliver(run.world, bucket, event(number)).json for number in numbers]
    assert [each["status"] for each in found] == ["accepted"] * len(numbers)
    return [each["object_id"] for each in found]


def test_a_time_window_becomes_a_batch_when_it_closes(run: BatchWorld) -> None:
    bucket = new_bucket(run, mode="time_window", window_seconds=60)
    ids = deliver_all(run, bucket, 1, 2, 3)
    run.streams()
    assert batches_of(run, bucket) == []
    run.pump()
    (batch,) = batches_of(run, bucket)
    assert (batch["status"], batch["total_objects"] if "total_objects" in batch else len(ids)) == ("COMPLETED", 3)
    assert sorted(run.processor.calls) == sorted(ids)
    assert batch["metadata"]["source"] == "source_adapter"


def test_a_window_does_not_close_early(run: BatchWorld) -> None:
    bucket = new_bucket(run, mode="time_window", window_seconds=60)
    deliver_all(run, bucket, 1)
    run.streams()
    (message,) = run.queues.batches.waiting
    run.world.clock.advance(30)
    assert not run.deliver(message)  # it remains in the queue
    assert batches_of(run, bucket) == []


def test_a_full_window_closes_at_once_and_the_next_one_opens(run: BatchWorld) -> None:
    bucket = new_bucket(run, mode="count", max_batch_size=2)
    ids = deliver_all(run, bucket, 1, 2, 3, 4, 5)
    run.pump()
    assert [batch["status"] for batch in batches_of(run, bucket)] == ["COMPLETED"] * 2
    assert sorted(run.processor.calls) == sorted(ids[:4])


def test_in_the_mode_immediate_each_object_becomes_a_batch(run: BatchWorld) -> None:
    bucket = new_bucket(run, mode="immediate")
    deliver_all(run, bucket, 1, 2, 3)
    run.pump()
    assert len(batches_of(run, bucket)) == 3
    assert len(run.processor.calls) == 3


def test_without_auto_submit_the_batch_remains_a_draft(run: BatchWorld) -> None:
    bucket = new_bucket(run, mode="immediate", auto_submit=False)
    deliver_all(run, bucket, 1)
    run.pump()
    assert [batch["status"] for batch in batches_of(run, bucket)] == ["DRAFT"]
    assert run.processor.calls == []


def test_a_duplicate_an_ignored_and_a_parked_delivery_join_no_window(run: BatchWorld) -> None:
    bucket = new_adapter_bucket(run.api, batching={"mode": "immediate"}, event_filter={"event_types": ["film.added"]})
    deliver_all(run, bucket, 1)
    run.pump()
    outcomes = [
        deliver(run.world, bucket, payload).json["status"]
        for payload in (event(1), {**event(2), "type": "other"}, event(3, rating="many"))
    ]
    assert outcomes == ["duplicate", "ignored", "parked"]
    run.pump()
    assert len(batches_of(run, bucket)) == 1


def test_an_open_window_closes_when_the_mode_changes_to_immediate(run: BatchWorld) -> None:
    bucket = new_bucket(run, mode="count", max_batch_size=10)
    ids = deliver_all(run, bucket, 1, 2)
    run.pump()
    assert batches_of(run, bucket) == []
    adapter = {**ADAPTER, "webhook_secret": "redacted", "batching": {"mode": "immediate"}}
    assert run.api.patch(f"/v1/buckets/{bucket}", {"source_adapter": adapter}).status == 200
    ids += deliver_all(run, bucket, 3)
    run.pump()
    assert sorted(run.processor.calls) == sorted(ids)
    assert len(batches_of(run, bucket)) == 2
