"""A deletion that got stuck is taken up again by another DELETE."""

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
def refusing(world: World) -> Iterator[None]:
    """S3 lists nothing, and says so in a way that no other attempt would change."""

    def before(**_: object) -> None:
        raise PermissionError("no")

    world.s3.meta.events.register("before-call.s3.ListObjectsV2", before)
    try:
        yield
    finally:
        world.s3.meta.events.unregister("before-call.s3.ListObjectsV2", before)


@pytest.fixture(params=["bucket", "namespace"])
def path(request: pytest.FixtureRequest, api: Api) -> str:
    """The path, by id, of something with an object in it."""
    namespace_id = api.post("/v1/namespaces", {"namespace_name": "doomed"}).json["namespace_id"]
    there = api.using(namespace="doomed")
    created(there, bucket_id := create_object_bucket(there), {"blobs": [text()]})
    return f"/v1/buckets/{bucket_id}" if request.param == "bucket" else f"/v1/namespaces/{namespace_id}"


def test_a_deletion_that_failed_goes_on_with_another_delete(api: Api, world: World, work: Work, path: str) -> None:
    there = api.using(namespace="doomed")
    task_id = there.call("DELETE", path).json["task_id"]
    with refusing(world):
        assert work.done(task_id).status == "FAILED"
    work.line.queue.dead.clear()

    assert there.call("DELETE", path).json["task_id"] == task_id
    assert api.get(f"/v1/tasks/{task_id}").json["status"] == "PENDING"
    assert there.call("DELETE", path).json["task_id"] == task_id
    work.line.dispatch()
    work.line.pump()
    assert api.get(f"/v1/tasks/{task_id}").json["status"] == "COMPLETED"
    assert (there.call("DELETE", path).status, work.rows(), work.line.queue.dead) == (404, [], [])


def test_a_deletion_whose_task_is_no_longer_kept_gets_another(api: Api, world: World, work: Work, path: str) -> None:
    there = api.using(namespace="doomed")
    task_id = there.call("DELETE", path).json["task_id"]
    world.clock.advance(31 * DAY)
    assert api.get(f"/v1/tasks/{task_id}").status == 404

    another = there.call("DELETE", path).json["task_id"]
    assert another != task_id
    assert there.call("DELETE", path).json["task_id"] == another
    assert work.done(another).status == "COMPLETED"
    assert (there.call("DELETE", path).status, work.rows()) == (404, [])
