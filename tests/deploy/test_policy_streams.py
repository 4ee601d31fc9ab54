"""The policies of the stream functions grant exactly the permissions that the functions use."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from mypy_boto3_s3 import S3Client

from chalicelib.keys import uploads
from tests.support.api import Api
from tests.support.batch_rows import write_batch
from tests.support.catalog import partition_of
from tests.support.object_rows import remove_object, write_object
from tests.support.objects import PNG
from tests.support.permissions import Permission, granted, logical_ids, permissions_used, renamed
from tests.support.template import ROOT
from tests.support.webhooks import deliver, event, new_adapter_bucket
from tests.support.world import World, bucket_body

# Actions of Lambda itself, which polls the stream with the role of the function.
POLLING = {f"dynamodb:{action}" for action in ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams")}


@pytest.mark.parametrize("name", ["objects", "catalog"])
def test_the_policy_grants_exactly_what_the_function_uses(world: World, api: Api, s3: S3Client, name: str) -> None:
    bucket = api.post("/v1/buckets", bucket_body()).json["bucket_id"]
    used: set[Permission] = set()
    sources = {"objects": world.pump.objects, "catalog": world.pump.catalog}
    for write in (fill, shrink, share, write_with_closed_epoch, write_to_missing_bucket, receive_webhooks):
        write(world, bucket)
        moved = True
        while moved:
            moved = False
            for each, source in sources.items():
                with permissions_used(world.client, s3) as seen:
                    moved |= source.drain()
                used |= seen if each == name else set()
    allowed = {each for each in granted(f"{name}-change") if each.action not in POLLING}
    assert renamed(used, logical_ids(world)) == allowed


def test_only_rows_about_uploads_may_be_listed_or_deleted(world: World, api: Api) -> None:
    """The condition of the policy is on the partition keys, and it holds for all rows that the function uses."""
    (statement,) = [
        each
        for each in json.loads((ROOT / ".chalice" / "policy-objects-change.json").read_text())["Statement"]
        if each.get("Sid") == "FilesOfUploads"
    ]
    assert statement["Condition"] == {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": [uploads("*", "*")]}}
    actions = {action.partition(":")[2] for action in statement["Action"]}
    others = {each.action.partition(":")[2] for each in granted("objects-change") if each.resource == "CatalogTable"}
    assert others - actions == {"GetItem", "UpdateItem", "ConditionCheckItem"}
    bucket = api.post("/v1/buckets", bucket_body()).json["bucket_id"]
    for write in (fill, shrink, share):
        write(world, bucket)
    used: dict[str, set[str]] = {}

    def record(params: dict[str, Any], model: Any, **_: Any) -> None:
        for action, key in partition_keys(model.name, params, world.tables.catalog):
            used.setdefault(action, set()).add(key)

    event_name: Any = "before-parameter-build.dynamodb"
    world.client.meta.events.register(event_name, record)
    try:
        while world.pump.objects.drain():
            pass
    finally:
        world.client.meta.events.unregister(event_name, record)
    assert set(used) >= actions
    for action in actions:
        assert used[action] == {uploads(partition_of(world), bucket)}, action


def partition_keys(operation: str, params: dict[str, Any], table: str) -> Iterator[tuple[str, str]]:
    """Yields the action and the partition key of each row of a table that a call names."""
    if operation == "BatchGetItem":
        for key in params["RequestItems"].get(table, {}).get("Keys", ()):
            yield operation, key["pk"]["S"]
    elif operation == "TransactWriteItems":
        for item in params["TransactItems"]:
            ((kind, step),) = item.items()
            if step["TableName"] == table:
                yield f"{kind}Item", (step.get("Key") or step["Item"])["pk"]["S"]
    elif params.get("TableName") == table and operation == "Query":
        name, value = re.findall(r"([#:]\w+)", params["KeyConditionExpression"])[:2]
        assert params["ExpressionAttributeNames"][name] == "pk"
        yield operation, params["ExpressionAttributeValues"][value]["S"]
    elif params.get("TableName") == table and operation.endswith("Item"):
        yield operation, (params.get("Key") or params["Item"])["pk"]["S"]


def fill(world: World, bucket: str) -> None:
    document = json.dumps({"blobs": [{"key": "blobs/b/o/1"}]})
    write_object(world, bucket, "obj_1", 1)
    write_object(world, bucket, "obj_2", 2, document=document)


def shrink(world: World, bucket: str) -> None:
    remove_object(world, bucket, "obj_2")


def share(world: World, bucket: str) -> None:
    """Two objects share the file of an upload, and are deleted."""
    declared: dict[str, Any] = {"filename": "a.png", "content_type": "image/png", "create_object_on_confirm": False}
    api = world.api()
    upload = api.post(f"/v1/buckets/{bucket}/uploads", declared).json
    world.s3.put_object(
        Bucket=world.settings.blob_bucket, Key=upload["s3_key"], Body=PNG, ContentType=declared["content_type"]
    )
    assert api.post(f"/v1/buckets/{bucket}/uploads/{upload['upload_id']}/confirm").status == 200
    blob = {"property": "photo", "type": "image", "upload_id": upload["upload_id"]}
    for _ in range(2):
        made = api.post(f"/v1/buckets/{bucket}/objects", {"blobs": [blob]})
        assert api.call("DELETE", f"/v1/buckets/{bucket}/objects/{made.json['object_id']}").status == 204


def write_with_closed_epoch(world: World, bucket: str) -> None:
    """Writes an object with an old epoch after that epoch was closed."""
    tallies, ns = world.services.stats.tallies, partition_of(world)
    for aggregate in (tallies.of(ns, bucket), tallies.of(ns, None)):
        tallies.revise(aggregate, lambda row: replace(row, epoch=1, open_from=1))
    write_object(world, bucket, "obj_3", 3)


def receive_webhooks(world: World, bucket: str) -> None:
    """Receives webhooks whose objects fill a window, and one whose object opens the next."""
    adapted = new_adapter_bucket(world.api(), batching={"mode": "count", "max_batch_size": 2})
    for number in range(3):
        assert deliver(world, adapted, event(number)).status == 200


def write_to_missing_bucket(world: World, bucket: str) -> None:
    """Writes an object and a batch into a bucket that does not exist."""
    write_object(world, "bkt_0000000000000000", "obj_4", 4)
    write_batch(world, "bkt_0000000000000000", "btch_1", "DRAFT")
