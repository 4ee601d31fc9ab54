"""The check that no other submitted batch contains the same objects."""

from __future__ import annotations

from chalicelib.batches.batch import Batch
from chalicelib.batches.chunk_store import ChunkStore
from chalicelib.batches.errors import ObjectsInFlight
from chalicelib.batches.store import BatchStore


def check_not_in_flight(batches: BatchStore, chunks: ChunkStore, batch: Batch) -> int:
    """Raises ObjectsInFlight if another batch of the bucket that has not ended contains an object of this batch.

    Returns the revision of the bucket's activity that was read before the check: a submission on condition of this
    revision fails if another batch was submitted meanwhile.
    """
    revision = batches.activity_revision(batch.rows)
    others = [batch_id for batch_id in batches.active_ids(batch.rows) if batch_id != batch.batch_id]
    if not others:
        return revision
    own = {object_id for ids in chunks.walk_ids(batch.rows, batch.batch_id) for object_id in ids}
    for other in others:
        common = [object_id for ids in chunks.walk_ids(batch.rows, other) for object_id in ids if object_id in own]
        if common:
            raise ObjectsInFlight(other, common)
    return revision
