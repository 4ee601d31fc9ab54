"""Reads and writes rows of the catalog table of a test directly, in the form in which the service stores them."""

from __future__ import annotations

from typing import Any

from chalicelib import keys
from chalicelib.aws.dynamodb.expressions import UpdateExpression, exists
from chalicelib.aws.dynamodb.table import Table
from chalicelib.aws.dynamodb.writes import Delete, Put, Update
from chalicelib.stats.tally_row import EMPTY_ROW, to_item
from tests.support.api import Api
from tests.support.world import World


def catalog(world: World) -> Table:
    """Returns the catalog table of a test."""
    return Table(world.client, world.tables.catalog)


def partition_of(world: World, name: str = "films") -> str:
    """Returns the partition of one of the namespaces of the test."""
    namespace = world.services.namespaces.resolve(world.organization_id, name, include_expired=True)
    return keys.partition(world.organization_id, namespace.namespace_id)


def remove_bucket(world: World, bucket: dict[str, Any]) -> None:
    """Removes the rows of a bucket, as the last step of a deletion does."""
    partition = partition_of(world)
    catalog(world).transact(
        [
            Delete(keys.bucket(partition, bucket["bucket_id"]), exists("pk")),
            Delete(keys.bucket_name(partition, bucket["bucket_name"]), exists("pk")),
            Update(keys.totals(partition), UpdateExpression(add={"bucket_count": -1}), exists("pk")),
        ]
    )


def put_tally(world: World, bucket_id: str, **totals: Any) -> None:
    """Writes totals of a bucket, with attributes that the fold over the streams writes."""
    catalog(world).write(Put({**keys.bucket_tally(partition_of(world), bucket_id), **_folded(totals)}))


def put_namespace_tally(world: World, **totals: Any) -> None:
    """Writes totals of the namespace, with attributes that the fold over the streams writes."""
    catalog(world).write(Put({**keys.namespace_tally(partition_of(world)), **_folded(totals)}))


def _folded(totals: dict[str, Any]) -> dict[str, Any]:
    unknown = set(totals) - set(to_item(EMPTY_ROW))
    assert not unknown, f"the fold does not write {unknown}"
    return totals


def walk(api: Api, body: dict[str, Any]) -> list[list[dict[str, Any]]]:
    """Returns the pages of a list of buckets, read by cursor."""
    pages: list[list[dict[str, Any]]] = []
    cursor: dict[str, Any] = {}
    while True:
        reply = api.post("/v1/buckets/list", {**body, **cursor})
        assert reply.status == 200, reply.text
        pages.append(reply.json["results"])
        if reply.json["pagination"]["next_cursor"] is None:
            return pages
        cursor = {"cursor": reply.json["pagination"]["next_cursor"]}
