"""The policy of the queue's function against the calls that deletions really make: all of them, and none besides."""

from __future__ import annotations

from tests.deletion.conftest import Work
from tests.support.api import Api
from tests.support.objects import a_bucket_of_objects, created, text
from tests.support.permissions import granted, logical_ids, permissions_used, renamed
from tests.support.world import World


def test_the_policy_is_what_deletions_use(api: Api, world: World, work: Work, namespace_id: str) -> None:
    for name in ("one", "other"):
        created(api, a_bucket_of_objects(api, name), {"blobs": [text()]})
    tasks = [api.call("DELETE", path).json["task_id"] for path in ("/v1/buckets/one", "/v1/namespaces/films")]
    with permissions_used(world.client, world.s3) as used:
        for task_id in tasks:
            work.begin(task_id)
        work.line.pump()
        # As a worker does that died right after its last write.
        world.services.namespaces.finish_deletion(world.organization_id, namespace_id)
    assert renamed(used, logical_ids(world)) == granted("task")
