"""Reads batches for responses: one batch with its ids and failures, lists, the audit, and failed objects."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from chalicelib.batches.batch import CANCELED, Batch
from chalicelib.batches.chunk_store import ItemFailure
from chalicelib.batches.errors import BatchNotFound
from chalicelib.batches.outcomes import FAILURES
from chalicelib.batches.service import Batches
from chalicelib.batches.store import Found
from chalicelib.batches.totals import ItemTotals, total_of
from chalicelib.batches.views import show, totals_of
from chalicelib.buckets.place import BucketPlace

if TYPE_CHECKING:
    from chalicelib.batches.response_models import BatchResponse

# A response contains the ids of a batch with at most this many objects. For larger ones, it says how many there are.
MAX_SHOWN_IDS = 1000
MAX_SHOWN_FAILURES = 100


@dataclass(frozen=True, slots=True)
class BatchReader:
    """Reads batches for responses. `sign` makes a download URL of a file in S3."""

    batches: Batches
    sign: Callable[[str], str]

    def locate(self, organization: str, batch_id: str) -> BucketPlace:
        """Returns where the batch of an organization is. Raises BatchNotFound."""
        place = self.batches.store.locate(organization, batch_id)
        if place is None:
            raise BatchNotFound(batch_id)
        return BucketPlace(organization, *place)

    def shown(self, found: Found, *, with_urls: bool = False) -> BatchResponse:
        """Returns the response for a batch, with its ids and failures."""
        batch = found.batch
        failed = totals_of(batch, found.tally).failed
        return show(
            batch,
            found.tally,
            self.batches.clock(),
            object_ids=self._ids(batch),
            failures=self.failures(batch, MAX_SHOWN_FAILURES) if failed else None,
            sign=self.sign if with_urls else None,
        )

    def failures(self, batch: Batch, at_most: int | None = None) -> list[ItemFailure]:
        """Returns the failures of the current run and of the runs that it retries, without objects that wait again."""
        chunks = self.batches.chunks
        failed = {
            (chunk.number, position)
            for chunk in chunks.walk(batch.rows, batch.batch_id)
            for position, letter in enumerate(chunk.outcomes)
            if letter in FAILURES and chunk.epoch >= batch.counts_from
        }
        found = chunks.failures(batch.rows, batch.batch_id) if failed else ()
        return list(islice((each for each in found if (each.chunk, each.position) in failed), at_most))

    def audit(self, batch: Batch) -> dict[str, Any]:
        """Returns the audit of a batch: whether every object has exactly one outcome, counted from the chunks."""
        chunks = self.batches.chunks.walk(batch.rows, batch.batch_id)
        current = [chunk for chunk in chunks if chunk.epoch >= batch.counts_from]
        tier = _audited(batch, total_of(chunk.outcomes for chunk in current))
        return {
            "batch_id": batch.batch_id,
            "all_balanced": tier["balanced"],
            "has_lost_objects": tier["lost"] > 0,
            "tiers": [tier],
        }

    def _ids(self, batch: Batch) -> list[str] | None:
        if not 0 < batch.object_count <= MAX_SHOWN_IDS:
            return None
        return [each for ids in self.batches.chunks.walk_ids(batch.rows, batch.batch_id) for each in ids]


def _audited(batch: Batch, totals: ItemTotals) -> Mapping[str, Any]:
    """Returns the audit of the only tier of a batch.

    Objects that still wait are not lost. Those that a canceled or stopped batch did not process count as skipped.
    """
    unprocessed = batch.object_count - totals.processed
    was_stopped = batch.has_ended and (batch.status == CANCELED or batch.reason is not None)
    skipped = totals.skipped + (unprocessed if was_stopped else 0)
    waiting = 0 if batch.has_ended else unprocessed
    accounted = totals.completed + totals.failed + skipped + waiting
    return {
        "tier_num": 0,
        "submitted": batch.object_count,
        "processed": totals.completed,
        "failed": totals.failed,
        "skipped": skipped,
        "waiting": waiting,
        "lost": max(0, batch.object_count - accounted),
        "balanced": accounted == batch.object_count,
        "notes": _notes(waiting, unprocessed if was_stopped else 0),
    }


def _notes(waiting: int, not_processed: int) -> list[str]:
    notes = [f"{waiting} objects wait to be processed"] if waiting else []
    if not_processed:
        notes.append(f"{not_processed} of the skipped objects were not processed, because the batch was stopped")
    return notes
