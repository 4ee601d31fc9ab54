"""Deleting buckets."""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.deletion.conftest import Work
from tests.support.api import Api, ApiResponse
from tests.support.catalog import partition_of
from tests.support.nightly import full_or_small
from tests.support.objects import create, create_object_bucket, created, objects, text
from tests.support.seeding import seed_objects
from tests.support.task_queue import killing
from tests.support.world import World, bucket_body


def delete(api: Api, bucket: str, **query: str) -> ApiResponse:
    return api.call("DELETE", f"/v1/buckets/{bucket}", query=query)


def deleted(api: Api, bucket: str, **query: str) -> dict[str, Any]:
    reply = delete(api, bucket, **query)
    assert reply.status == 200, reply.text
    return dict(reply.json)


def test_a_bucket_is_deleted_with_its_contents(api: Api, world: World, work: Work, namespace_id: str) -> None:
    bucket = create_object_bucket(api)
    other = create_object_bucket(api, "other")
    for each in (bucket, other):
        created(api, each, {"blobs": [text()]})
        soft_deleted = created(api, each, {"blobs": [text("hidden")]})["object_id"]
        api.post(f"{objects(each)}/bulk-soft-delete", {"object_ids": [soft_deleted], "reason": "r"})
    world.pump()

    begun = deleted(api, bucket)
    assert {**begun, "task_id": ""} == {
        "task_id": "",
        "status": "PENDING",
        "bucket_id": bucket,
        "bucket_name": "reels",
        "object_count": 1,
    }
    assert api.get(f"/v1/buckets/{bucket}").json["status"] == "IN_PROGRESS"
    task = work.complete(begun["task_id"])

    assert (task.status, task.outputs) == ("COMPLETED", [bucket])
    assert task.progress == {"objects_deleted": 2, "blobs_deleted": 2}
    assert api.get(f"/v1/buckets/{bucket}").status == 404
    work.check_bucket_is_removed(bucket, namespace_id)
    namespace = api.get("/v1/namespaces/films").json
    assert (namespace["bucket_count"], namespace["object_count"]) == (1, 1)
    assert api.get(f"/v1/buckets/{other}").json["object_count"] == 1


def test_a_bucket_being_deleted_rejects_writes_and_its_name_can_be_used(api: Api, work: Work) -> None:
    bucket = create_object_bucket(api)
    made = created(api, bucket)["object_id"]
    begun = deleted(api, bucket)

    rejected = [
        create(api, bucket),
        api.patch(objects(bucket, made), {"take": 1}),
        api.call("DELETE", objects(bucket, made)),
        api.patch(f"/v1/buckets/{bucket}", {"description": "x"}),
    ]
    assert {(reply.status, reply.error["code"]) for reply in rejected} == {(409, "bucket_not_active")}
    assert api.get("/v1/buckets/reels").status == 404
    again = create_object_bucket(api, "reels")
    assert again != bucket
    work.complete(begun["task_id"])
    assert api.get("/v1/buckets/reels").json["bucket_id"] == again


def test_a_second_deletion_returns_the_same_task(api: Api, work: Work) -> None:
    bucket = create_object_bucket(api)
    first = deleted(api, bucket)
    assert deleted(api, bucket)["task_id"] == first["task_id"]
    work.complete(first["task_id"])
    assert delete(api, bucket).status == 404


def test_concurrent_deletions_start_one_task(api: Api) -> None:
    bucket = create_object_bucket(api)
    with ThreadPoolExecutor(16) as pool:
        replies = list(pool.map(lambda _: delete(api, bucket), range(16)))
    assert {reply.status for reply in replies} == {200}
    assert len({reply.json["task_id"] for reply in replies}) == 1


def test_a_locked_bucket_is_deleted_only_if_forced(api: Api, world: World, work: Work) -> None:
    bucket = create_object_bucket(api)
    world.services.buckets.set_lock(partition_of(world), bucket, locked=True)
    reply = delete(api, bucket)
    assert (reply.status, reply.error["code"]) == (403, "bucket_locked")
    assert work.complete(deleted(api, bucket, force_foreclose="true")["task_id"]).status == "COMPLETED"


def test_an_archived_bucket_can_be_deleted(api: Api, world: World, work: Work) -> None:
    bucket = create_object_bucket(api)
    world.services.buckets.set_status(partition_of(world), bucket, "ARCHIVED")
    assert work.complete(deleted(api, bucket)["task_id"]).status == "COMPLETED"


def test_an_unknown_bucket_cannot_be_deleted(api: Api) -> None:
    assert delete(api, "nowhere").status == 404
    assert delete(api, "bkt_0000000000000000").status == 404


def test_the_task_can_be_polled_and_cannot_be_canceled(api: Api, work: Work) -> None:
    bucket = create_object_bucket(api)
    task_id = deleted(api, bucket)["task_id"]
    polled = api.get(f"/v1/tasks/{task_id}").json
    assert (polled["task_type"], polled["status"], polled["inputs"]) == ("api_buckets_delete", "PENDING", [bucket])
    assert api.call("DELETE", f"/v1/tasks/{task_id}").status == 200
    work.complete(task_id)
    assert api.get(f"/v1/tasks/{task_id}").json["status"] == "COMPLETED"


def test_many_objects_are_deleted_although_the_worker_dies_repeatedly(
    api: Api, world: World, work: Work, namespace_id: str
) -> None:
    many, fewest_deaths = full_or_small((20_000, 20), (3_000, 4))
    bucket = create_object_bucket(api)
    seed_objects(world, bucket, range(many))
    for number in range(many // 100):
        world.s3.put_object(Bucket=world.settings.blob_bucket, Key=f"blobs/{bucket}/obj_{number}/b", Body=b"x")
    begun = deleted(api, bucket)["task_id"]
    chance = random.Random(7)
    deaths = {start + chance.randrange(30) for start in range(2, 900, 30)}
    with killing(work.harness.queue, world.client, world.s3, at=lambda number: number in deaths) as killed:
        work.send(begun)
        work.harness.pump()
    assert len(killed) >= fewest_deaths
    task = world.services.tasks.get(world.organization_id, begun)
    assert task.status == "COMPLETED"
    assert work.rows() == []
    work.check_bucket_is_removed(bucket, namespace_id)


def test_a_slice_deletes_fewer_large_objects(api: Api, world: World, work: Work, namespace_id: str) -> None:
    bucket = create_object_bucket(api)
    seed_objects(world, bucket, range(12), lambda number: {"large": "x" * 290_000})
    task = world.services.tasks.get(world.organization_id, deleted(api, bucket)["task_id"])
    work.do_slice(task)
    assert 6 <= len(work.rows()) < 12
    work.complete(task.task_id)
    work.check_bucket_is_removed(bucket, namespace_id)


def test_objects_that_are_written_during_the_deletion_are_deleted(
    api: Api, world: World, work: Work, namespace_id: str
) -> None:
    bucket = create_object_bucket(api)
    stop = threading.Event()

    def write() -> int:
        written = 0
        while not stop.is_set():
            written += create(api, bucket, {"blobs": [text()]}).status == 200
        return written

    with ThreadPoolExecutor(8) as pool:
        writers = [pool.submit(write) for _ in range(8)]
        while not work.rows():
            pass
        task = work.complete(deleted(api, bucket)["task_id"])
        stop.set()
        assert sum(writer.result() for writer in writers) > 0
    assert task.status == "COMPLETED"
    work.check_bucket_is_removed(bucket, namespace_id)


def test_an_object_that_is_written_after_the_deletion_is_removed(
    api: Api, world: World, work: Work, namespace_id: str
) -> None:
    bucket = create_object_bucket(api)
    partition = partition_of(world)
    found = world.services.buckets.get(partition, bucket)  # read by a slow writer before the deletion
    created(api, bucket, {"blobs": [text()]})
    work.complete(deleted(api, bucket)["task_id"])

    from chalicelib.objects.models import CreateObjectRequest

    new = CreateObjectRequest.model_validate({"blobs": [text("late")]}, strict=False)
    world.services.objects.create_in(partition, found, new, policy=None)
    assert len(work.rows()) == 1
    work.check_bucket_is_removed(bucket, namespace_id)
    assert work.rows() == []


def test_a_new_bucket_with_the_same_name_is_not_deleted(api: Api, work: Work) -> None:
    first = api.post("/v1/buckets", bucket_body("posters")).json["bucket_id"]
    begun = deleted(api, first)["task_id"]
    second = api.post("/v1/buckets", bucket_body("posters")).json["bucket_id"]
    work.complete(begun)
    assert api.get("/v1/buckets/posters").json["bucket_id"] == second
    assert api.post("/v1/buckets", bucket_body("posters")).status == 409
