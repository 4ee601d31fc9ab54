"""The policy of the queue's function against the calls that deletions really make: all of them, and none besides."""

from __future__ import annotations

import json

from tests.deletion.conftest import Work
from tests.deploy.test_policy_streams import renamed
from tests.support.api import Api
from tests.support.objects import a_bucket_of_objects, created, text
from tests.support.permissions import Permission, permissions_used
from tests.support.template import ROOT
from tests.support.world import World


def allowed() -> set[Permission]:
    statements = json.loads((ROOT / ".chalice" / "policy-task.json").read_text())["Statement"]
    return {
        Permission(action, _name(resource))
        for statement in statements
        for action in statement["Action"]
        for resource in statement["Resource"]
        if action.startswith(("dynamodb:", "s3:"))
    }


def _name(resource: dict[str, object]) -> str:
    if "Fn::GetAtt" in resource:
        return str(resource["Fn::GetAtt"][0])  # type: ignore[index]
    return str(resource["Fn::Sub"]).replace("${", "").replace(".Arn}", "")


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
    assert renamed(used, world) == allowed()
