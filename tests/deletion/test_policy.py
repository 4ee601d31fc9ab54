"""The policy of the task function grants exactly the permissions that deletions use."""

from __future__ import annotations

from tests.deletion.conftest import Work
from tests.support.api import Api
from tests.support.objects import create_object_bucket, created, text
from tests.support.permissions import Permission, granted, logical_ids, permissions_used, renamed
from tests.support.world import World, bucket_body

# tests/deploy/test_policy_batches.py checks that tasks use these.
OF_BATCHES = {Permission(f"s3:{action}", "BlobBucket/batches/*") for action in ("PutObject", "DeleteObject")}
# tests/deploy/test_policy_refresh.py checks that refreshes use these.
OF_REFRESHES = {Permission(f"s3:{action}", "BlobBucket/blobs/*") for action in ("GetObject", "PutObject")}
# tests/deploy/test_policy_uploads.py checks that confirmations use these.
OF_UPLOADS = {Permission(f"s3:{action}", "BlobBucket/u/*") for action in ("GetObject", "DeleteObject")}
OF_UPLOADS.add(Permission("dynamodb:ConditionCheckItem", "CatalogTable"))
OF_REFRESHES |= {Permission(f"dynamodb:{action}", "ObjectsTable") for action in ("GetItem", "PutItem")}


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
    assert renamed(used, logical_ids(world)) | OF_BATCHES | OF_REFRESHES | OF_UPLOADS == granted("task")
