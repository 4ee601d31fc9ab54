"""Rows as other parts of the service leave them, written straight into the tables of a world."""

from __future__ import annotations

from typing import Any

from chalicelib import keys
from chalicelib.aws.dynamodb.expressions import UpdateExpression, exists
from chalicelib.aws.dynamodb.table import Table
from chalicelib.aws.dynamodb.writes import Delete, Put, Update
from tests.support.api import Api
from tests.support.world import World


def catalog(world: World) -> Table:
    """The catalog table of a world."""
    return Table(world.client, world.tables.catalog)


def objects_table(world: World) -> Table:
    """The objects table of a world."""
    return Table(world.client, world.tables.objects)


def partition_of(world: World, name: str = "films") -> str:
    """The partition of one of the world's namespaces."""
    place = world.services.namespaces.resolve(world.organization_id, name, include_expired=True)
    return keys.partition(world.organization_id, place.namespace_id)


def remove_bucket(world: World, bucket: dict[str, Any]) -> None:
    """Takes a bucket away, as a deletion does in the end."""
    partition = partition_of(world)
    catalog(world).transact(
        [
            Delete(keys.bucket(partition, bucket["bucket_id"]), exists("pk")),
            Delete(keys.bucket_name(partition, bucket["bucket_name"]), exists("pk")),
            Update(keys.totals(partition), UpdateExpression(add={"bucket_count": -1}), exists("pk")),
        ]
    )


def put_tally(world: World, bucket_id: str, **totals: Any) -> None:
    """The totals of a bucket, as the fold writes them."""
    catalog(world).write(Put({**keys.bucket_tally(partition_of(world), bucket_id), **totals}))


def put_namespace_tally(world: World, **totals: Any) -> None:
    """The totals of the namespace, as the fold writes them."""
    catalog(world).write(Put({**keys.namespace_tally(partition_of(world)), **totals}))


def put_object(world: World, bucket_id: str, object_id: str = "obj_1") -> None:
    """An object in a bucket."""
    Table(world.client, world.tables.objects).write(
        Put({"bucket_id": bucket_id, "object_id": object_id, "created_at": "2026-01-01T00:00:00.000Z"})
    )


def walk(api: Api, body: dict[str, Any]) -> list[list[dict[str, Any]]]:
    """Every page of a list of buckets, by cursor."""
    pages: list[list[dict[str, Any]]] = []
    cursor: dict[str, Any] = {}
    while True:
        reply = api.post("/v1/buckets/list", {**body, **cursor})
        assert reply.status == 200, reply.text
        pages.append(reply.json["results"])
        if reply.json["pagination"]["next_cursor"] is None:
            return pages
        cursor = {"cursor": reply.json["pagination"]["next_cursor"]}
