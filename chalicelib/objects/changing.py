"""A change to one object, made on whatever state is found."""

from __future__ import annotations

from dataclasses import dataclass, field

from chalicelib.blobs.content import NewBlob
from chalicelib.blobs.writer import Deposit
from chalicelib.buckets.bucket import Bucket
from chalicelib.objects.models import UpdateObjectRequest
from chalicelib.objects.new_object import read_blobs
from chalicelib.objects.stored_object import StoredObject
from chalicelib.objects.update import ObjectChange, changed, to_store


@dataclass(slots=True)
class Changing:
    """A PUT or a PATCH on an object of this bucket. Making it reads the blobs: RequestInvalid, NotEnabled."""

    bucket: Bucket
    change: ObjectChange
    deposit: Deposit
    new: tuple[NewBlob, ...] = field(init=False)

    def __post_init__(self) -> None:
        given = self.change.blobs if isinstance(self.change, UpdateObjectRequest) else None
        self.new = read_blobs(given or (), self.bucket)

    def revised(self, old: StoredObject) -> StoredObject:
        """The object after the change, its bytes stored. Raises RequestInvalid, UniqueKeyChange."""
        wanted = to_store(old, self.new, skip_duplicates=bool(self.change.skip_duplicates))
        if wanted:  # no bytes move for a change that is refused
            changed(old, self.change, self.bucket, self.new, ())
        stored = self.deposit.store(wanted, old.object_id)
        return changed(old, self.change, self.bucket, self.new, stored)
