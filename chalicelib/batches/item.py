"""Processes one object of a batch with the hook, and returns its outcome."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from chalicelib.batches.batch import Batch
from chalicelib.batches.chunk import Chunk, with_death
from chalicelib.batches.chunk_store import ItemFailure
from chalicelib.batches.outcomes import (
    ALREADY_COMPLETED,
    CHANGED,
    COMPLETED,
    DELETED,
    LETTER_OF_CATEGORY,
    RESOURCE,
    WAITING,
)
from chalicelib.buckets.bucket import Bucket
from chalicelib.core.clock import Clock, format_timestamp
from chalicelib.core.errors import ApiError
from chalicelib.objects import processing
from chalicelib.objects.processing import ProcessingResult
from chalicelib.objects.service import Objects
from chalicelib.objects.stored_object import StoredObject
from chalicelib.processing.processor import BatchContext, Category, HookDied, ProcessingFailed, Processor

NOT_FOUND = "The object does not exist"
LOST = "The worker or the hook's process ended several times while it processed this object"


class Outcome(NamedTuple):
    """The letter of an object's outcome, and its failure if it failed.

    The letter is WAITING if the object must be processed again, because one of its files was replaced by a new copy.
    """

    letter: str
    failure: ItemFailure | None = None


_LETTERS = {
    ProcessingResult.FILE_REPLACED: WAITING,
    ProcessingResult.OBJECT_CHANGED: CHANGED,
    ProcessingResult.OBJECT_DELETED: DELETED,
}
Save = Callable[[Chunk], Chunk]
Process = Callable[[Batch, Chunk, str, Save], Outcome]


@dataclass(frozen=True, slots=True)
class ItemProcessing:
    """Processes single objects. `processor` returns the hook; it is built on first use."""

    objects: Objects
    processor: Callable[[], Processor]
    clock: Clock

    def for_bucket(self, batch: Batch) -> Process:
        """Returns a function that processes objects of the batch's bucket, as the bucket is now."""
        bucket = self.objects.buckets.get(batch.partition, batch.bucket_id)

        def process(batch: Batch, chunk: Chunk, object_id: str, save: Save) -> Outcome:
            return _Item(self, bucket, batch, chunk, object_id, save).process()

        return process


@dataclass(slots=True)
class _Item:
    """One object of a chunk. `save` stores a new state of the chunk."""

    parent: ItemProcessing
    bucket: Bucket
    batch: Batch
    chunk: Chunk
    object_id: str
    save: Save

    def process(self) -> Outcome:
        """Returns the outcome, after the object's status has been stored."""
        stored = self.parent.objects.find(self.batch.partition, self.batch.bucket_id, self.object_id)
        if stored is None:
            return self._failed("validation", NOT_FOUND)
        if self._skips(stored):
            return Outcome(ALREADY_COMPLETED)
        try:
            new = self._completed(stored, self._call_hook(stored))
        except ProcessingFailed as failure:
            letter = self._record(stored, processing.failed(stored, failure.text))
            return Outcome(letter) if letter else self._failed(failure.category, failure.text)
        return Outcome(self._record(stored, new) or COMPLETED)

    @property
    def attempts(self) -> int:
        """How many times the batch has processed the object to an end."""
        return self.chunk.attempts_of(self._position)

    @property
    def _position(self) -> int:
        assert self.chunk.current is not None, "the object is the current one of its chunk"
        return self.chunk.current

    def _skips(self, stored: StoredObject) -> bool:
        """Whether the object was completed before the batch started, and the batch skips such objects."""
        started_at = self.batch.started_at
        completed_before = started_at is not None and stored.updated_at < started_at
        return self.batch.skips_completed and processing.is_completed(stored) and completed_before

    def _call_hook(self, stored: StoredObject) -> Mapping[str, Any]:
        """Returns the fields that the hook returned. Calls it again if its process died. Raises ProcessingFailed."""
        context = BatchContext(
            self.batch.namespace_id,
            self.batch.bucket_id,
            self.batch.batch_id,
            self.batch.metadata,
            self.attempts + 1,
        )
        last = LOST
        while not self.chunk.current_is_lost:
            try:
                return self.parent.processor().process(stored, context)
            except HookDied as died:
                last = died.text
                self.chunk = self.save(with_death(self.chunk))
        raise ProcessingFailed(RESOURCE, last)

    def _completed(self, stored: StoredObject, fields: Mapping[str, Any]) -> StoredObject:
        """Returns the object with the fields of the hook. Raises ProcessingFailed if the bucket rejects them."""
        try:
            return processing.completed(stored, fields, self.bucket)
        except ApiError as error:
            raise ProcessingFailed("validation", f"The hook returned fields that are rejected: {error.text}") from error

    def _record(self, old: StoredObject, new: StoredObject) -> str | None:
        """Stores the object's status. Returns the letter of an object that is not the same any more, else None."""
        return _LETTERS.get(self.parent.objects.record_processing(old, new, self.bucket))

    def _failed(self, category: Category, error: str) -> Outcome:
        failure = ItemFailure(
            chunk=self.chunk.number,
            position=self._position,
            object_id=self.object_id,
            error=error,
            category=category,
            timestamp=format_timestamp(self.parent.clock()),
            attempt=self.attempts + 1,
            epoch=self.chunk.epoch,
        )
        return Outcome(LETTER_OF_CATEGORY[category], failure)
