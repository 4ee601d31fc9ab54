"""A second DELETE request restarts a deletion that failed or whose task expired."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.deletion.conftest import Work
from tests.support.api import Api
from tests.support.objects import create_object_bucket, created, text
from tests.support.world import World

DAY = 86_400


@contextmanager
def s3_failing(world: World) -> Iterator[None]:
    """Lists of S3 objects fail with an error that is not retried."""

    def before(**_: object) -> None:
        raise PermissionError("denied")

    world.s3.meta.events.register("before-call.s3.ListObjectsV2", before)
    try:
        yield
    finally:
        world.s3.meta.events.unregister("before-call.s3.ListObjectsV2", before)


@pytest.fixture(params=["bucket", "namespace"])
def path(request: pytest.FixtureRequest, api: Api) -> str:
    """The path of a bucket with an object, or of a namespace that contains it."""
    namespace_id = api.post("/v1/namespaces", {"namespace_name": "temporary"}).json["namespace_id"]
    inside = api.using(namespace="temporary")
    created(inside, bucket_id := create_object_bucket(inside), {"blobs": [text()]})
    return f"/v1/buckets/{bucket_id}" if request.param == "bucket" else f"/v1/namespaces/{namespace_id}"


def test_another_delete_request_restarts_a_failed_deletion(api: Api, world: World, work: Work, path: str) -> None:
    inside = api.using(namespace="temporary")
    task_id = inside.call("DELETE", path).json["task_id"]
    with s3_failing(world):
        assert work.complete(task_id).status == "FAILED"
    work.harness.queue.dead.clear()

    assert inside.call("DELETE", path).json["task_id"] == task_id
    assert api.get(f"/v1/tasks/{task_id}").json["status"] == "PENDING"
    assert inside.call("DELETE", path).json["task_id"] == task_id
    work.harness.dispatch()
    work.harness.pump()
    assert api.get(f"/v1/tasks/{task_id}").json["status"] == "COMPLETED"
    assert (inside.call("DELETE", path).status, work.rows(), work.harness.queue.dead) == (404, [], [])


def test_another_delete_request_replaces_an_expired_task(api: Api, world: World, work: Work, path: str) -> None:
    inside = api.using(namespace="temporary")
    task_id = inside.call("DELETE", path).json["task_id"]
    world.clock.advance(31 * DAY)
    assert api.get(f"/v1/tasks/{task_id}").status == 404

    another = inside.call("DELETE", path).json["task_id"]
    assert another != task_id
    assert inside.call("DELETE", path).json["task_id"] == another
    assert work.complete(another).status == "COMPLETED"
    assert (inside.call("DELETE", path).status, work.rows()) == (404, [])
