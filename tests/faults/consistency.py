"""Checks that the stored data is consistent, which it must be after any faults."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.aws.dynamodb.attribute_values import decode
from chalicelib.blobs.orphans import orphans
from chalicelib.objects.stored_object import from_item
from tests.support.api import Api
from tests.support.world import World


def check_consistency(world: World) -> None:
    """Checks that bucket names are found, statistics are exact, and files are referenced or listed as orphans."""
    world.pump()
    api = world.api()
    for partition in world.services.partitions():
        assert world.services.stats.verify(partition, None) == []
        for bucket_id in world.services.stats.bucket_ids(partition):
            assert world.services.stats.verify(partition, bucket_id) == [], bucket_id
    _check_names(api)
    _check_files(world)


def _check_names(api: Api) -> None:
    listed = api.post("/v1/buckets/list", {"limit": 1000}).json
    assert listed["total_count"] == len(listed["results"]) == api.get("/v1/namespaces/films").json["bucket_count"]
    for bucket in listed["results"]:
        if bucket["status"] != "ACTIVE":
            continue
        assert api.get(f"/v1/buckets/{bucket['bucket_name']}").json["bucket_id"] == bucket["bucket_id"]
        duplicate = api.post("/v1/buckets", {"bucket_name": bucket["bucket_name"], "bucket_schema": {"properties": {}}})
        assert duplicate.status == 409, duplicate.text


def _check_files(world: World) -> None:
    """Checks that every file of an object exists, and that every other one is listed as an orphan."""
    files = list(world.services.blobs.list_files("blobs/"))
    objects, tomorrow = world.services.objects, datetime.now(UTC) + timedelta(days=1)
    partitions = {
        bucket_id: each for each in world.services.partitions() for bucket_id in world.services.stats.bucket_ids(each)
    }
    needed = objects.shared_files(partitions.get).needed
    found = orphans(objects.store, files, before=tomorrow, needed=needed)
    orphaned = {each.key for each in found}
    rows = [from_item(decode(row)) for page in _pages(world) for row in page["Items"]]
    referenced = {blob.key for stored in rows for blob in stored.blobs if blob.key is not None}
    assert referenced <= {each.key for each in files}, "an object references a missing file"
    assert orphaned == {each.key for each in files} - referenced


def _pages(world: World) -> Iterator[Any]:
    yield from world.client.get_paginator("scan").paginate(TableName=world.tables.objects)
