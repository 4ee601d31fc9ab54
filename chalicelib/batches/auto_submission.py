"""Submits objects for processing right after they were created (`auto_process`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chalicelib.batches.batch import Batch
from chalicelib.batches.errors import ObjectsInFlight
from chalicelib.batches.service import Batches, Submission
from chalicelib.buckets.place import BucketPlace
from chalicelib.core.errors import ApiError
from chalicelib.objects.result import CreateResult


@dataclass(frozen=True, slots=True)
class AutoSubmission:
    """Creates and submits batches of objects that a request has created."""

    batches: Batches

    def process(self, organization: str, namespace_id: str, results: Sequence[CreateResult]) -> None:
        """Submits a batch with these objects of one bucket.

        A client that got no response repeats its request. So objects are left out if they were there before and a batch
        with them runs. Raises ApiError with the ids of the objects, which have been stored.
        """
        place = BucketPlace(organization, namespace_id, results[0].stored.bucket_id)
        ids = list(dict.fromkeys(result.stored.object_id for result in results))
        are_new = all(result.replayed_by is None for result in results)
        batch: Batch | None = None
        try:
            bucket = self.batches.buckets.get(place.partition, place.identifier)
            remaining = ids
            while remaining:
                batch = self.batches.add(place, bucket, remaining)
                try:
                    self.batches.submit(place, batch.batch_id, Submission(force=are_new))
                    return
                except ObjectsInFlight as error:
                    self.batches.remove(place, batch.batch_id)
                    batch, in_flight = None, set(error.object_ids)
                    remaining = [object_id for object_id in remaining if object_id not in in_flight]
        except ApiError as error:
            draft = {"draft_batch_id": batch.batch_id} if batch else {}
            error.details = {**(error.details or {}), "object_ids": ids, **draft}
            raise
