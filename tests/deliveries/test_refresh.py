"""A refresh takes over the objects of the source buckets: each becomes one object."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from typing import Any

import pytest

from chalicelib.deliveries import fan_in
from chalicelib.deliveries.fan_in import MAX_FAILURES
from tests.support.api import ApiResponse
from tests.support.batches import BatchWorld, new_batch_world
from tests.support.nightly import all_or_sample
from tests.support.objects import POSTER, create_object_bucket, created, listed, text
from tests.support.task_queue import killing
from tests.support.world import World, adapter_with_sources

TITLES = ["Faust", "M", "Metropolis"]


@pytest.fixture
def run(world: World) -> BatchWorld:
    return new_batch_world(world)


@pytest.fixture
def source(run: BatchWorld) -> str:
    """A bucket with three objects, of which one has a file, one a text, and one a URL."""
    bucket = create_object_bucket(run.api, "source")
    url = {"property": "poster", "type": "image", "data": "https://example.com/metropolis.jpg"}
    for number, (title, blob) in enumerate(zip(TITLES, (POSTER, text(), url), strict=True)):
        created(run.api, bucket, {"title": title, "take": number, "film_id": f"f{number}", "blobs": [blob]})
    return bucket


def new_target(run: BatchWorld, *sources: str, name: str = "target", **more: Any) -> str:
    """Creates a bucket with an adapter that takes the objects of these buckets. `adapter` has more of its fields."""
    adapter = {**adapter_with_sources(*sources)["source_adapter"], **more.pop("adapter", {})}
    return create_object_bucket(run.api, name, source_adapter=adapter, **more)


def start(run: BatchWorld, bucket: str) -> ApiResponse:
    return run.api.post(f"/v1/buckets/{bucket}/source-adapter/refresh")


def refreshed(run: BatchWorld, bucket: str) -> dict[str, Any]:
    """Refreshes a bucket to the end, and returns the task."""
    response = start(run, bucket)
    assert response.status == 200, response.text
    run.pump()
    return task_of(run, response.json["task_id"])


def task_of(run: BatchWorld, task_id: str) -> dict[str, Any]:
    return dict(run.api.get(f"/v1/tasks/{task_id}").json)


def counts(task: dict[str, Any]) -> dict[str, int]:
    """The counters of a task that are not 0."""
    progress = task["additional_data"]["progress"]
    names = {name: value for name, value in progress.items() if name.startswith("objects_") and value}
    return {name.removeprefix("objects_"): value for name, value in names.items()}


def titles(run: BatchWorld, bucket: str) -> list[Any]:
    run.pump()
    return sorted(row["title"] for row in listed(run.api, bucket))


def test_each_object_becomes_an_object_with_the_equal_fields_and_files(run: BatchWorld, source: str) -> None:
    bucket = new_target(run, source)
    response = start(run, bucket).json
    assert (response["bucket_id"], response["status"]) == (bucket, "PENDING")
    run.pump()
    task = task_of(run, response["task_id"])
    assert (task["status"], counts(task)) == ("COMPLETED", {"seen": 3, "created": 3})
    rows = {row["title"]: row for row in listed(run.api, bucket, {"return_presigned_urls": True})}
    assert sorted(rows) == TITLES
    assert [rows[title]["take"] for title in TITLES] == [0, 1, 2]
    assert rows["M"]["source_details"] == [{"type": "bucket", "source_id": source}]
    assert rows["M"]["blobs"][0]["properties"]["text"] == "A masterpiece."
    assert rows["Metropolis"]["blobs"][0]["properties"]["url"] == "https://example.com/metropolis.jpg"
    assert task["outputs"][0]["created"] == 3


def test_files_are_copied_and_never_shared(run: BatchWorld, source: str) -> None:
    bucket = new_target(run, source)
    refreshed(run, bucket)
    world = run.world
    stored = {
        row["Key"]: row["Size"] for row in world.s3.list_objects_v2(Bucket=world.settings.blob_bucket)["Contents"]
    }
    assert len(stored) == 4
    assert {key.split("/")[1] for key in stored} == {source, bucket}
    for row in listed(run.api, source):
        run.api.call("DELETE", f"/v1/buckets/{source}/objects/{row['object_id']}")
    run.pump()
    (copied,) = (blob for row in listed(run.api, bucket) for blob in row["blobs"] if row["title"] == "Faust")
    key = copied["properties"]["url"].removeprefix(f"s3://{world.settings.blob_bucket}/")
    found = world.s3.get_object(Bucket=world.settings.blob_bucket, Key=key)
    assert (found["ContentLength"], found["ContentType"]) == (copied["details"]["size_bytes"], "image/png")
    assert "grey.png" in found["ContentDisposition"]


def test_a_second_refresh_takes_only_new_objects(run: BatchWorld, source: str) -> None:
    bucket = new_target(run, source)
    refreshed(run, bucket)
    created(run.api, source, {"title": "Nosferatu"})
    assert counts(refreshed(run, bucket)) == {"seen": 4, "created": 1, "repeated": 3}
    assert titles(run, bucket) == [*TITLES, "Nosferatu"]


def test_with_a_unique_key_later_changes_arrive(run: BatchWorld, source: str) -> None:
    bucket = new_target(run, source, unique_key={"fields": ["film_id"]})
    assert counts(refreshed(run, bucket)) == {"seen": 3, "created": 3}
    (row,) = (row for row in listed(run.api, source) if row["title"] == "M")
    assert run.api.patch(f"/v1/buckets/{source}/objects/{row['object_id']}", {"take": 7}).status == 200
    assert counts(refreshed(run, bucket)) == {"seen": 3, "updated": 3}
    assert sorted(row["take"] for row in listed(run.api, bucket)) == [0, 2, 7]


def test_with_the_policy_insert_the_first_object_stays(run: BatchWorld, source: str) -> None:
    bucket = new_target(run, source, unique_key={"fields": ["film_id"], "default_policy": "insert"})
    created(run.api, bucket, {"film_id": "f1", "title": "Mine"})
    assert counts(refreshed(run, bucket)) == {"seen": 3, "created": 2, "repeated": 1}
    assert titles(run, bucket) == ["Faust", "Metropolis", "Mine"]


def test_a_mapping_chooses_fields_and_the_field_of_the_file(run: BatchWorld, source: str) -> None:
    schema = {"properties": {"name": {"type": "string"}, "still": {"type": "image"}}}
    adapter = {
        "field_mapping": {"title": "name"},
        "blob_source": {"file_field": "poster", "target_property": "still", "blob_type": "image"},
    }
    bucket = new_target(run, source, bucket_schema=schema, adapter=adapter)
    assert counts(refreshed(run, bucket)) == {"seen": 3, "created": 3}
    rows = {row["name"]: row for row in listed(run.api, bucket)}
    assert {name: [blob["property"] for blob in row["blobs"]] for name, row in rows.items()} == {
        "Faust": ["still"],
        "M": [],
        "Metropolis": ["still"],
    }
    assert "take" not in rows["M"]


def test_a_field_of_another_type_is_not_taken(run: BatchWorld, source: str) -> None:
    schema = {"properties": {"title": {"type": "string"}, "take": {"type": "string"}, "poster": {"type": "video"}}}
    bucket = new_target(run, source, bucket_schema=schema)
    assert counts(refreshed(run, bucket)) == {"seen": 3, "created": 3}
    for row in listed(run.api, bucket):
        assert "take" not in row
        assert row["blobs"] == []


def test_objects_that_cannot_be_created_do_not_stop_the_task(run: BatchWorld, source: str) -> None:
    for number in range(MAX_FAILURES):
        created(run.api, source, {"take": number})
    schema = {"properties": {"title": {"type": "string", "required": True}}}
    bucket = new_target(run, source, bucket_schema=schema)
    created(run.api, source, {"take": 99})
    task = refreshed(run, bucket)
    assert counts(task) == {"seen": 4 + MAX_FAILURES, "created": 3, "failed": 1 + MAX_FAILURES}
    failures = task["additional_data"]["progress"]["failures"]
    assert len(failures) == MAX_FAILURES
    assert all("title" in each["reason"] and each["bucket_id"] == source for each in failures)


def test_a_missing_file_fails_its_object_alone(run: BatchWorld, source: str) -> None:
    world = run.world
    (key,) = (
        row["Key"]
        for row in world.s3.list_objects_v2(Bucket=world.settings.blob_bucket)["Contents"]
        if world.s3.head_object(Bucket=world.settings.blob_bucket, Key=row["Key"])["ContentType"] == "image/png"
    )
    world.s3.delete_object(Bucket=world.settings.blob_bucket, Key=key)
    bucket = new_target(run, source)
    task = refreshed(run, bucket)
    assert counts(task) == {"seen": 3, "created": 2, "failed": 1}
    assert "not in the storage" in task["additional_data"]["progress"]["failures"][0]["reason"]


def test_soft_deleted_objects_are_skipped_and_soft_deleted_copies_stay_deleted(run: BatchWorld, source: str) -> None:
    ids = {row["title"]: row["object_id"] for row in listed(run.api, source)}
    body = {"object_ids": [ids["M"]], "reason": "done"}
    run.api.post(f"/v1/buckets/{source}/objects/bulk-soft-delete", body)
    bucket = new_target(run, source)
    assert counts(refreshed(run, bucket)) == {"seen": 2, "created": 2}
    (copied,) = (row["object_id"] for row in listed(run.api, bucket) if row["title"] == "Faust")
    run.api.post(f"/v1/buckets/{bucket}/objects/bulk-soft-delete", {"object_ids": [copied], "reason": "done"})
    assert counts(refreshed(run, bucket)) == {"seen": 2, "repeated": 2}
    assert titles(run, bucket) == ["Metropolis"]


def test_several_sources_are_taken_in_slices(run: BatchWorld, source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fan_in, "SLICE_OBJECTS", 2)
    other = create_object_bucket(run.api, "other")
    for number in range(4):
        created(run.api, other, {"title": f"Other {number}"})
    bucket = new_target(run, source, other)
    assert counts(refreshed(run, bucket)) == {"seen": 7, "created": 7}
    assert titles(run, bucket) == sorted([*TITLES, *(f"Other {number}" for number in range(4))])


def test_objects_of_a_refresh_join_no_batch(run: BatchWorld, source: str) -> None:
    bucket = new_target(run, source, adapter={"batching": {"mode": "immediate"}})
    refreshed(run, bucket)
    assert run.api.post(f"/v1/buckets/{bucket}/batches/list", {}).json["results"] == []


@pytest.mark.parametrize(
    "adapter", [None, {"adapter_type": "generic_webhook"}, {"adapter_type": "bucket", "enabled": False}]
)
def test_another_adapter_cannot_be_refreshed(run: BatchWorld, source: str, adapter: dict[str, Any] | None) -> None:
    if adapter and adapter["adapter_type"] == "bucket":
        adapter = {**adapter, "source_bucket_ids": [source]}
    bucket = create_object_bucket(run.api, "target", source_adapter=adapter)
    response = start(run, bucket)
    assert (response.status, response.error["code"]) == (400, "refresh_not_supported")


def test_an_unknown_and_a_deleted_bucket_cannot_be_refreshed(run: BatchWorld, source: str) -> None:
    assert start(run, "bkt_" + "0" * 16).status == 404
    bucket = new_target(run, source)
    run.api.call("DELETE", f"/v1/buckets/{bucket}")
    assert start(run, bucket).status == 409


def test_an_adapter_that_is_changed_ends_the_task(run: BatchWorld, source: str) -> None:
    bucket = new_target(run, source)
    task_id = start(run, bucket).json["task_id"]
    run.api.patch(f"/v1/buckets/{bucket}", {"source_adapter": None})
    run.pump()
    task = task_of(run, task_id)
    assert (task["status"], counts(task)) == ("COMPLETED", {})
    assert task["additional_data"]["progress"]["ended_early"]


def test_a_canceled_refresh_copies_nothing_more(run: BatchWorld, source: str) -> None:
    bucket = new_target(run, source)
    task_id = start(run, bucket).json["task_id"]
    assert run.api.call("DELETE", f"/v1/tasks/{task_id}").status == 200
    run.pump()
    assert task_of(run, task_id)["status"] == "CANCELED"
    assert titles(run, bucket) == []


@contextmanager
def at_call(run: BatchWorld, number: int, act: Callable[[], object]) -> Iterator[list[int]]:
    """Does something before the call to AWS with this number. Yields the numbers of all calls."""
    numbers, calls = count(1), []
    acting: list[bool] = []

    def before(**_: Any) -> None:
        if acting:
            return
        calls.append(next(numbers))
        if calls[-1] == number:
            acting.append(True)
            act()
            acting.clear()

    events = [
        (client.meta.events, client.meta.service_model.service_name) for client in (run.world.client, run.world.s3)
    ]
    for event, name in events:
        event.register(f"before-call.{name}", before)
    try:
        yield calls
    finally:
        for event, name in events:
            event.unregister(f"before-call.{name}", before)


def calls_of_a_refresh(run: BatchWorld, source: str) -> int:
    bucket = new_target(run, source, name="counted")
    with at_call(run, 0, list) as calls:
        refreshed(run, bucket)
    return len(calls)


def test_a_refresh_that_is_killed_at_any_call_takes_every_object_once(run: BatchWorld, source: str) -> None:
    calls = calls_of_a_refresh(run, source)
    assert calls > 15
    for number in all_or_sample(range(1, calls + 1), 3):
        bucket = new_target(run, source, name=f"target {number}")
        task_id = start(run, bucket).json["task_id"]
        with killing(run.queues.tasks, run.world.client, run.world.s3, at=number.__eq__):
            run.pump()
        run.pump()
        task = task_of(run, task_id)
        assert (task["status"], counts(task)) == ("COMPLETED", {"seen": 3, "created": 3}), number
        assert titles(run, bucket) == TITLES, number


@pytest.mark.parametrize("deleted", ["source", "target"])
def test_the_deletion_of_either_bucket_at_any_call_ends_the_task(run: BatchWorld, source: str, deleted: str) -> None:
    calls = calls_of_a_refresh(run, source)
    for number in all_or_sample(range(1, calls + 1), 5):
        own = create_object_bucket(run.api, f"source {number}")
        created(run.api, own, {"title": "M", "blobs": [POSTER]})
        created(run.api, own, {"title": "Faust"})
        bucket = new_target(run, own, name=f"target {number}")
        gone = own if deleted == "source" else bucket
        task_id = start(run, bucket).json["task_id"]
        delete = partial(run.api.call, "DELETE", f"/v1/buckets/{gone}")
        with at_call(run, number, delete):
            run.pump()
        run.pump()
        assert task_of(run, task_id)["status"] == "COMPLETED", number
        if run.api.get(f"/v1/buckets/{gone}").status == 200:
            continue  # the task had ended before
        prefix = f"blobs/{gone}/"
        found = run.world.s3.list_objects_v2(Bucket=run.world.settings.blob_bucket, Prefix=prefix)
        assert found["KeyCount"] == 0, number


def test_two_refreshes_at_once_take_every_object_once(run: BatchWorld, source: str) -> None:
    calls = calls_of_a_refresh(run, source)
    for number in all_or_sample(range(1, calls + 1), 5):
        bucket = new_target(run, source, name=f"target {number}")
        first = start(run, bucket).json["task_id"]
        run.streams()
        second = start(run, bucket).json["task_id"]

        def run_second() -> None:
            run.streams()
            waiting = [each for each in run.queues.tasks.waiting if each.content["task_id"] == second]  # noqa: B023
            for message in waiting:
                run.deliver_task(message)

        with at_call(run, number, run_second):
            run.pump()
        run.pump()
        assert titles(run, bucket) == TITLES, number
        for task_id in (first, second):
            found = task_of(run, task_id)
            assert (found["status"], counts(found)["seen"]) == ("COMPLETED", 3), number
