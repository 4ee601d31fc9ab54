"""Submits many batches in one request: all drafts of a bucket, or all of its objects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chalicelib import keys
from chalicelib.aws.retry import DeadlineExceeded
from chalicelib.batches.batch import DRAFT, Batch
from chalicelib.batches.errors import BatchListTooLong
from chalicelib.batches.selection import MAX_OBJECTS, matching_ids
from chalicelib.batches.service import Batches, Submission
from chalicelib.buckets.place import BucketPlace
from chalicelib.core.errors import ApiError

if TYPE_CHECKING:
    from chalicelib.batches.models import BulkSubmitRequest

GROUP = "batch_group_id"


@dataclass(frozen=True, slots=True)
class BulkSubmission:
    """Submits many batches. A batch that is not submitted does not affect the others."""

    batches: Batches

    def submit_drafts(self, place: BucketPlace) -> dict[str, Any]:
        """Submits every draft of a bucket, oldest first. Returns the response. Raises BucketNotFound."""
        drafts = self._drafts(place)
        submitted, failed = [], []
        for batch in drafts:
            error = self._submit(place, batch)
            if error is None:
                submitted.append(batch.batch_id)
            else:
                failed.append({"batch_id": batch.batch_id, "error": error})
        return {"submitted": submitted, "failed": failed, "total": len(drafts)}

    def submit_objects(self, place: BucketPlace, request: BulkSubmitRequest) -> dict[str, Any]:
        """Submits the objects of a bucket in batches of `chunk_size`. Returns the response.

        Raises BucketNotFound, BucketLocked, BucketNotActive, NoObjectsMatch, TooManyObjects, SelectionTooSlow and
        RequestInvalid.
        """
        bucket = self.batches.writable(place)
        at_most = None if request.max_objects is None else min(request.max_objects, MAX_OBJECTS)
        ids = matching_ids(self.batches.objects, bucket, request.filters, at_most=at_most)
        group = self.batches.ids.timed("grp")
        made: list[dict[str, Any]] = []
        for start in range(0, len(ids), request.chunk_size):
            try:
                batch = self.batches.add(
                    place,
                    bucket,
                    ids[start : start + request.chunk_size],
                    metadata={GROUP: group},
                    dedup_strategy=request.dedup_strategy,
                )
            except ApiError:
                if not made:
                    raise
                break  # an error would say that nothing was submitted
            made.append(self._submitted(place, batch))
        return _bulk_response(group, made, len(ids), request.chunk_size)

    def _drafts(self, place: BucketPlace) -> list[Batch]:
        bucket = self.batches.buckets.get(place.partition, place.identifier)
        rows = keys.batches(place.partition, bucket.bucket_id)
        try:
            found = [each.batch for each in self.batches.store.walk(rows)]
        except DeadlineExceeded as error:
            raise BatchListTooLong() from error
        return [batch for batch in reversed(found) if batch.status == DRAFT and not batch.is_removed]

    def _submitted(self, place: BucketPlace, batch: Batch) -> dict[str, Any]:
        error = self._submit(place, batch)
        return {
            "batch_id": batch.batch_id,
            "status": "PENDING" if error is None else "DRAFT",
            "object_count": batch.object_count,
            "queue_position": None,
            "error": error,
        }

    def _submit(self, place: BucketPlace, batch: Batch) -> str | None:
        """Submits a draft. Returns None, or why it was not submitted."""
        try:
            self.batches.submit(place, batch.batch_id, Submission())
        except ApiError as error:
            return error.text
        return None


def _bulk_response(group: str, made: list[dict[str, Any]], total: int, chunk_size: int) -> dict[str, Any]:
    planned = -(-total // chunk_size)
    submitted = sum(each["error"] is None for each in made)
    return {
        "batch_group_id": group,
        "total_objects": total,
        "total_batches": planned,
        "submitted": submitted,
        "failed": planned - submitted,
        "chunk_size": chunk_size,
        "batches": made,
    }
