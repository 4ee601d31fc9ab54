"""Rows are copied from the tables of one stage to those of another, and counted there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from mypy_boto3_dynamodb import DynamoDBClient
from mypy_boto3_s3 import S3Client

from deployment.copying import WRITE_BATCH_SIZE, Copying
from tests.support.engine import Tables, drop_tables, new_tables
from tests.support.objects import create_object_bucket, objects
from tests.support.world import World, new_world


@pytest.fixture
def other(client: DynamoDBClient, s3: S3Client, blob_bucket: str) -> Iterator[World]:
    tables: Tables = new_tables(client)
    yield new_world(client, tables, s3, blob_bucket)
    drop_tables(client, tables)


def copy(world: World, other: World) -> tuple[int, int]:
    copying = Copying(world.client, other.client, no_pause)
    bucket = world.settings.blob_bucket
    return (
        copying.catalog(world.tables.catalog, other.tables.catalog),
        copying.objects(world.tables.objects, other.tables.objects, bucket, "another"),
    )


def no_pause(_: float) -> None:
    raise AssertionError("the engine must not leave unprocessed items")


def test_all_rows_and_keys_are_copied_and_counted_once(world: World, other: World) -> None:
    bucket = create_object_bucket(world.api())
    for _ in range(WRITE_BATCH_SIZE + 1):
        assert world.api().post(objects(bucket), {"title": "M"}).status == 200
    world.pump()
    _, copied = copy(world, other)
    assert copied == WRITE_BATCH_SIZE + 1
    other.pump()
    copied_bucket = other.api().using(key=world.key).get(f"/v1/buckets/{bucket}").json
    assert copied_bucket == world.api().get(f"/v1/buckets/{bucket}").json | {
        "stats_updated_at": copied_bucket["stats_updated_at"]
    }
    assert copied_bucket["object_count"] == copied
    listed = other.api().using(key=world.key).get("/v1/namespaces").json["results"]
    assert [each["object_count"] for each in listed] == [copied]
