"""What has to hold of a world whatever happened to its calls."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.aws.dynamodb.attribute_values import decode
from chalicelib.blobs.orphans import orphans
from chalicelib.objects.stored_object import from_item
from tests.support.api import Api
from tests.support.world import World


def check_whole(world: World) -> None:
    """Names lead to their buckets, counts are exact, and files are referred to, or known to be left over."""
    world.pump()
    api = world.api()
    for partition in world.services.partitions():
        assert world.services.stats.verify(partition, None) == []
        for bucket_id in world.services.stats.bucket_ids(partition):
            assert world.services.stats.verify(partition, bucket_id) == [], bucket_id
    _check_names(api)
    _check_files(world)


def _check_names(api: Api) -> None:
    found = api.post("/v1/buckets/list", {"limit": 1000}).json
    assert found["total_count"] == len(found["results"]) == api.get("/v1/namespaces/films").json["bucket_count"]
    for bucket in found["results"]:
        if bucket["status"] != "ACTIVE":
            continue
        assert api.get(f"/v1/buckets/{bucket['bucket_name']}").json["bucket_id"] == bucket["bucket_id"]
        taken = api.post("/v1/buckets", {"bucket_name": bucket["bucket_name"], "bucket_schema": {"properties": {}}})
        assert taken.status == 409, taken.text


def _check_files(world: World) -> None:
    """Every object's files are there, and every file is an object's or listed as nobody's."""
    held = list(world.services.blobs.list_files(""))
    store = world.services.objects.store
    left = {each.key for each in orphans(store, held, before=datetime.now(UTC) + timedelta(days=1))}
    rows = [from_item(decode(row)) for page in _pages(world) for row in page["Items"]]
    referred = {blob.key for stored in rows for blob in stored.blobs if blob.key is not None}
    assert referred <= {each.key for each in held}, "a row without its bytes"
    assert left == {each.key for each in held} - referred


def _pages(world: World) -> Iterator[Any]:
    yield from world.client.get_paginator("scan").paginate(TableName=world.tables.objects)
