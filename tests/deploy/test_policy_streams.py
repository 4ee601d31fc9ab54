"""The policies of the stream functions grant exactly the permissions that the functions use."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from mypy_boto3_s3 import S3Client

from tests.support.api import Api
from tests.support.catalog import partition_of
from tests.support.object_rows import remove_object, write_object
from tests.support.permissions import Permission, granted, logical_ids, permissions_used, renamed
from tests.support.world import World, bucket_body

# Actions of Lambda itself, which polls the stream with the role of the function.
POLLING = {f"dynamodb:{action}" for action in ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams")}


@pytest.mark.parametrize("name", ["objects", "catalog"])
def test_the_policy_grants_exactly_what_the_function_uses(world: World, api: Api, s3: S3Client, name: str) -> None:
    bucket = api.post("/v1/buckets", bucket_body()).json["bucket_id"]
    used: set[Permission] = set()
    sources = {"objects": world.pump.objects, "catalog": world.pump.catalog}
    for write in (fill, shrink, write_with_closed_epoch, write_to_missing_bucket):
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


def fill(world: World, bucket: str) -> None:
    document = json.dumps({"blobs": [{"key": "blobs/b/o/1"}]})
    write_object(world, bucket, "obj_1", 1)
    write_object(world, bucket, "obj_2", 2, document=document)


def shrink(world: World, bucket: str) -> None:
    remove_object(world, bucket, "obj_2")


def write_with_closed_epoch(world: World, bucket: str) -> None:
    """Writes an object with an old epoch after that epoch was closed."""
    tallies, ns = world.services.stats.tallies, partition_of(world)
    for aggregate in (tallies.of(ns, bucket), tallies.of(ns, None)):
        tallies.revise(aggregate, lambda row: replace(row, epoch=1, open_from=1))
    write_object(world, bucket, "obj_3", 3)


def write_to_missing_bucket(world: World, bucket: str) -> None:
    """Writes an object into a bucket that does not exist."""
    write_object(world, "bkt_0000000000000000", "obj_4", 4)
