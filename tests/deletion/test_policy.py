"""The policy of the task function grants exactly the permissions that deletions use."""

from __future__ import annotations

from tests.deletion.conftest import Work
from tests.support.api import Api
from tests.support.objects import create_object_bucket, created, text
from tests.support.permissions import granted, logical_ids, permissions_used, renamed
from tests.support.world import World, bucket_body


def test_the_policy_grants_exactly_what_deletions_use(api: Api, world: World, work: Work) -> None:
    for name in ("one", "other"):
        created(api, create_object_bucket(api, name), {"blobs": [text()]})
    other = api.get("/v1/buckets/other").json["bucket_id"]
    fed = {"adapter_type": "bucket", "source_bucket_ids": [other]}
    assert api.post("/v1/buckets", bucket_body("fed", source_adapter=fed)).status == 200
    tasks = [api.call("DELETE", path).json["task_id"] for path in ("/v1/buckets/one", "/v1/namespaces/films")]
    with permissions_used(world.client, world.s3) as used:
        for task_id in tasks:
            work.send(task_id)
        work.harness.pump()
    assert renamed(used, logical_ids(world)) == granted("task")
