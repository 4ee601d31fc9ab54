"""Each change sends one event. What was refused or rolled back, and what clients do not see, sends none."""

from __future__ import annotations

import random
from typing import Any

import pytest

from chalicelib import keys
from chalicelib.aws.dynamodb.writes import Put
from chalicelib.processing.processor import ProcessingFailed
from tests.batches.scenes import add_batch, new_objects, response_lost
from tests.events.buses import MemoryBus
from tests.support.batches import BatchWorld
from tests.support.catalog import catalog, partition_of
from tests.support.object_rows import write_object
from tests.support.objects import create, create_object_bucket, created, objects
from tests.support.world import bucket_body

Sent = list[tuple[str, str]]


@pytest.fixture
def sent(run: BatchWorld, bus: MemoryBus) -> Any:
    """Returns a function that delivers all records, and returns type and subject of the events that this caused."""

    def new() -> Sent:
        run.pump()
        return sorted((event["type"], event["subject"]) for event in bus.new())

    return new


def test_changes_of_buckets_send_events(run: BatchWorld, sent: Any) -> None:
    bucket = run.api.post("/v1/buckets", bucket_body()).json["bucket_id"]
    path, subject = f"/v1/buckets/{bucket}", f"buckets/{bucket}"
    assert sent() == [("bucket.created", subject)]
    assert run.api.patch(path, {"description": "On paper"}).status == 200
    assert sent() == [("bucket.updated", subject)]
    assert run.api.patch(path, {"bucket_name": "stills"}).status == 200
    assert run.api.put(path, bucket_body("stills", metadata={"team": "archive"})).status == 200
    assert sent() == [("bucket.updated", subject)] * 2
    other = run.api.post("/v1/buckets", bucket_body("reels")).json["bucket_id"]
    assert sent() == [("bucket.created", f"buckets/{other}")]


def test_refused_changes_of_buckets_send_no_event(run: BatchWorld, sent: Any) -> None:
    create_object_bucket(run.api, "reels")
    bucket = run.api.post("/v1/buckets", bucket_body()).json["bucket_id"]
    path = f"/v1/buckets/{bucket}"
    assert len(sent()) == 2
    assert run.api.post("/v1/buckets", bucket_body()).status == 409
    assert run.api.post("/v1/buckets", {"bucket_name": "x"}).status == 422
    assert run.api.patch(path, {"storage_class": "marble"}).status == 422
    stale = run.api.call("PATCH", path, {"description": "?"}, headers={"If-Match": '"stale"'})
    assert stale.status == 412
    # The transaction of a rename writes the bucket, and is rolled back because another bucket has the name.
    assert run.api.patch(path, {"bucket_name": "reels"}).status == 409
    assert sent() == []


def test_changes_of_objects_send_events(run: BatchWorld, sent: Any) -> None:
    bucket = create_object_bucket(run.api)
    assert sent() == [("bucket.created", f"buckets/{bucket}")]
    made = created(run.api, bucket)["object_id"]
    path, subject = objects(bucket, made), f"buckets/{bucket}/objects/{made}"
    assert sent() == [("object.created", subject)]  # not the mark in the bucket's row that objects may exist
    assert run.api.patch(path, {"take": 3}).status == 200
    assert sent() == [("object.updated", subject)]
    ids = new_objects(run.api, bucket, 12)
    assert sent() == sorted(("object.created", f"buckets/{bucket}/objects/{each}") for each in ids)
    assert run.api.call("DELETE", path).status == 204
    assert sent() == [("object.deleted", subject)]


def test_a_request_that_changes_nothing_sends_no_event(run: BatchWorld, sent: Any) -> None:
    bucket = create_object_bucket(run.api)
    made = created(run.api, bucket, {"title": "M"})["object_id"]
    sent()
    assert run.api.patch(objects(bucket, made), {"title": "M"}).status == 200
    assert run.api.patch(f"/v1/buckets/{bucket}", {"bucket_name": "reels"}).status == 200
    assert sent() == []


@pytest.mark.parametrize("is_applied", [True, False])
def test_a_write_whose_response_was_lost_sends_one_event(run: BatchWorld, sent: Any, is_applied: bool) -> None:
    bucket = create_object_bucket(run.api)
    made = created(run.api, bucket)["object_id"]
    sent()
    with response_lost(run.world.client, "PutItem", is_applied=is_applied) as lost:
        assert run.api.patch(objects(bucket, made), {"take": 3}).status == 200
    assert lost == ["PutItem"]
    assert sent() == [("object.updated", f"buckets/{bucket}/objects/{made}")]


def test_parked_deliveries_send_events(run: BatchWorld, bus: MemoryBus, sent: Any) -> None:
    bucket = create_object_bucket(run.api)
    sent()
    row = {**keys.delivery(keys.deliveries(partition_of(run.world), bucket), "dlv_1"), "adapter_type": "mux"}
    for change in (
        {"state": "PARKED", "reason": "mapping_failed", "attempt": 1},
        {"state": "PARKED", "reason": "mapping_failed", "attempt": 2},
        {"state": "APPLIED", "attempt": 3},
    ):
        catalog(run.world).write(Put({**row, **change}))
    assert sent() == [("adapter.delivery.parked", f"buckets/{bucket}/deliveries/dlv_1")] * 2
    assert [event["data"]["attempt"] for event in bus.details()[-2:]] == [1, 2]


def test_refused_changes_of_objects_send_no_event(run: BatchWorld, sent: Any) -> None:
    bucket = create_object_bucket(run.api)
    made = created(run.api, bucket)["object_id"]
    assert len(sent()) == 2
    assert create(run.api, bucket, {"take": "three"}).status == 422
    assert run.api.patch(objects(bucket, made), {"take": "three"}).status == 422
    stale = run.api.call("PATCH", objects(bucket, made), {"take": 1}, headers={"If-Match": '"stale"'})
    assert stale.status == 412
    assert run.api.call("DELETE", objects(bucket, "obj_missing")).status == 404
    assert create(run.api, "bkt_0000000000000000").status == 404
    assert sent() == []


def test_a_soft_deleted_object_sends_one_event(run: BatchWorld, bus: MemoryBus, sent: Any) -> None:
    bucket = create_object_bucket(run.api)
    made = created(run.api, bucket)["object_id"]
    assert len(sent()) == 2
    purge = {"object_ids": [made, "obj_missing"], "reason": "rights ended"}
    assert run.api.post(f"{objects(bucket)}/bulk-soft-delete", purge).json["soft_deleted"] == 1
    assert sent() == [("object.deleted", f"buckets/{bucket}/objects/{made}")]
    assert bus.details()[-1]["data"]["soft_deleted"] is True
    assert run.api.post(f"{objects(bucket)}/bulk-soft-delete", purge).json["soft_deleted"] == 0
    assert run.api.call("DELETE", objects(bucket, made)).status == 204
    assert sent() == []


def test_a_deleted_bucket_sends_an_event_when_it_is_gone_and_for_each_of_its_objects(
    run: BatchWorld, bus: MemoryBus, sent: Any
) -> None:
    bucket = create_object_bucket(run.api)
    ids = new_objects(run.api, bucket, 3)
    purge = {"object_ids": ids[:1], "reason": "rights ended"}
    assert run.api.post(f"{objects(bucket)}/bulk-soft-delete", purge).status == 200
    add_batch(run, bucket, ids[1:])  # a draft has no end
    active = add_batch(run, bucket, ids[1:])
    batch_task = active.done("submit")["task_id"]
    run.streams()
    bus.new()
    path = f"/v1/buckets/{bucket}"
    assert run.api.call("DELETE", path, query={"force_foreclose": "true"}).status == 200
    run.streams()
    assert bus.new() == [], "the bucket is not gone yet"
    (deletion,) = [each for each in run.queues.tasks.waiting if each.content["task_id"] != batch_task]
    run.deliver_task(deletion)
    assert sent() == sorted(
        [
            ("batch.canceled", f"buckets/{bucket}/batches/{active.batch_id}"),
            ("bucket.deleted", f"buckets/{bucket}"),
            *(("object.deleted", f"buckets/{bucket}/objects/{each}") for each in ids[1:]),
        ]
    )


def test_the_ends_of_batches_are_sent_for_each_run(run: BatchWorld, bus: MemoryBus, sent: Any) -> None:
    bucket = create_object_bucket(run.api)
    ids = new_objects(run.api, bucket, 2)
    scene = add_batch(run, bucket, ids, batch_name="first")
    sent()
    scene.done("submit")
    subject = f"buckets/{bucket}/batches/{scene.batch_id}"
    processed = [("object.updated", f"buckets/{bucket}/objects/{each}") for each in sorted(ids)]
    assert sent() == [("batch.completed", subject), *processed]
    assert {event["data"]["status"] for event in bus.details()[-3:]} == {"COMPLETED"}
    scene.done("resubmit")
    assert sent() == [("batch.completed", subject)], "the results of the objects make no difference"
    runs = [event["data"]["run"] for event in bus.details() if event["type"] == "batch.completed"]
    assert runs == [1, 2]


def test_failed_and_canceled_batches_send_events(run: BatchWorld, bus: MemoryBus, sent: Any) -> None:
    def fails(stored: Any, context: Any) -> Any:
        raise ProcessingFailed("validation", "Not this one")

    run.processor.hook = fails
    bucket = create_object_bucket(run.api)
    scene = add_batch(run, bucket, new_objects(run.api, bucket, 1))
    draft = add_batch(run, bucket, scene.ids)
    sent()
    scene.done("submit")
    assert sent() == [
        ("batch.failed", f"buckets/{bucket}/batches/{scene.batch_id}"),
        ("object.updated", f"buckets/{bucket}/objects/{scene.ids[0]}"),
    ]
    draft.done("cancel", {"reason": "a mistake"})
    assert sent() == [("batch.canceled", f"buckets/{bucket}/batches/{draft.batch_id}")]
    assert draft.post("cancel").status >= 400
    assert run.api.call("DELETE", draft.path).status == 200
    assert sent() == [], "the removal of a batch is no event"


def test_counting_again_sends_no_event(run: BatchWorld, bus: MemoryBus, sent: Any) -> None:
    bucket = create_object_bucket(run.api)
    new_objects(run.api, bucket, 2)
    sent()
    before = len(run.world.pump.objects.history())
    run.world.services.stats.recount(partition_of(run.world), bucket)
    run.pump()
    assert len(run.world.pump.objects.history()) > before, "the epochs of the objects have changed"
    assert sent() == []


def test_a_late_object_of_a_deleted_bucket_sends_two_events(run: BatchWorld, sent: Any) -> None:
    write_object(run.world, "bkt_0000000000000000", "obj_late")
    subject = "buckets/bkt_0000000000000000/objects/obj_late"
    assert sent() == [("object.created", subject), ("object.deleted", subject)]


def test_a_repeated_record_gives_the_same_event(run: BatchWorld, bus: MemoryBus) -> None:
    rng = random.Random(16)
    bucket = create_object_bucket(run.api)
    scene = add_batch(run, bucket, new_objects(run.api, bucket, 13))
    scene.finish()
    assert run.api.call("DELETE", f"/v1/buckets/{bucket}").status == 200
    run.pump()
    first = {event["id"]: event for event in bus.details()}
    assert len(first) == len(bus.details()) > 28
    for source in (run.world.pump.objects, run.world.pump.catalog):
        history = source.history()
        for _ in range(10):  # Lambda delivers the records from some place on again
            start = rng.randrange(len(history))
            assert not source.deliver(history[start : start + rng.randint(1, 40)])["batchItemFailures"]
    assert len(bus.details()) > len(first)
    assert all(first[event["id"]] == event for event in bus.details())
