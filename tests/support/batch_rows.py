"""Writes rows of batches of a test directly, in the form in which the statistics or the service read them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chalicelib import keys
from chalicelib.aws.dynamodb.writes import Delete, Key, Put
from chalicelib.batches.batch import SAMPLE_SIZE, Batch, chunk_count
from chalicelib.core.clock import format_timestamp
from tests.support.catalog import catalog, partition_of
from tests.support.world import World


def batch_key(world: World, bucket_id: str, batch_id: str) -> Key:
    """Returns the key of a batch."""
    return keys.batch(keys.batches(partition_of(world), bucket_id), batch_id)


def write_batch(world: World, bucket_id: str, batch_id: str, status: str, **more: Any) -> None:
    """Writes the row of a batch with this status, or replaces it."""
    row = {"batch_id": batch_id, "bucket_id": bucket_id, "status": status, "stats_epoch": 0, "revision": 1, **more}
    catalog(world).write(Put({**batch_key(world, bucket_id, batch_id), **row}))


def remove_batch(world: World, bucket_id: str, batch_id: str) -> None:
    """Removes the row of a batch."""
    catalog(world).write(Delete(batch_key(world, bucket_id, batch_id)))


def seed_draft(world: World, bucket_id: str, batch_id: str, object_ids: Sequence[str]) -> None:
    """Stores a draft with a chosen id, as the service stores it. The objects need not exist."""
    now = format_timestamp(world.clock())
    namespace = world.services.namespaces.resolve(world.organization_id, "films", include_expired=True)
    batch = Batch(
        organization=world.organization_id,
        namespace_id=namespace.namespace_id,
        bucket_id=bucket_id,
        batch_id=batch_id,
        created_at=now,
        updated_at=now,
        object_count=len(object_ids),
        chunk_count=chunk_count(len(object_ids)),
        sample_ids=tuple(object_ids[:SAMPLE_SIZE]),
    )
    batches = world.services.batches.batches
    batches.chunks.add(batch.rows, batch_id, object_ids)
    batches.store.add(batch)
