"""Reads and writes rows of the objects table of a test directly, in the form in which the service stores them."""

from __future__ import annotations

from typing import Any

from chalicelib.aws.dynamodb.table import Table
from chalicelib.aws.dynamodb.writes import Delete, Put
from chalicelib.objects.stored_object import StoredObject, to_item
from tests.support.catalog import partition_of
from tests.support.world import World


def objects_table(world: World) -> Table:
    """Returns the objects table of a test."""
    return Table(world.client, world.tables.objects)


def object_row(world: World, bucket_id: str, object_id: str, size: int = 0, **more: Any) -> dict[str, Any]:
    """Returns the row of an object with this size in bytes."""
    timestamp = "2026-01-01T00:00:00.000Z"
    stored = StoredObject(
        partition=partition_of(world),
        bucket_id=bucket_id,
        object_id=object_id,
        values={},
        blobs=(),
        created_at=timestamp,
        updated_at=timestamp,
        schema_version=1,
        epoch=0,
    )
    return {**to_item(stored), "size_bytes": size, "size_key": f"{size:020}#", **more}


def write_object(world: World, bucket_id: str, object_id: str, size: int = 0, **more: Any) -> None:
    """Writes the row of an object, or replaces it."""
    objects_table(world).write(Put(object_row(world, bucket_id, object_id, size, **more)))


def write_minimal_object(world: World, bucket_id: str, object_id: str = "obj_1") -> None:
    """Writes the row of an object with a minimum of attributes."""
    row = {"bucket_id": bucket_id, "object_id": object_id, "created_at": "2026-01-01T00:00:00.000Z"}
    objects_table(world).write(Put(row))


def remove_object(world: World, bucket_id: str, object_id: str) -> None:
    """Removes the row of an object."""
    objects_table(world).write(Delete({"bucket_id": bucket_id, "object_id": object_id}))
