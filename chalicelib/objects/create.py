"""How a new object is settled with whatever is there already: one conditional write decides.

The id follows from what identifies the object (`identity`), so every writer of one identity meets the
others on one row. Whoever finds that row taken decides by the row itself, which comes with the failed
condition: replay it, change it, or refuse.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from chalicelib.aws.dynamodb.optimistic_lock import VersionConflict, retry_on_conflict
from chalicelib.blobs.writer import BlobWriter
from chalicelib.buckets.bucket import Bucket
from chalicelib.core.clock import Clock, format_timestamp
from chalicelib.core.errors import RequestInvalid
from chalicelib.core.ids import TIME_CHARS, Ids
from chalicelib.objects.errors import ObjectDeleted, UniqueKeyAbsent, UniqueKeyTaken
from chalicelib.objects.identity import ID_CHARS, PREFIX, id_of_content, id_of_idempotency_key, id_of_unique_key
from chalicelib.objects.new_object import NewObject, complete_values, stored_object
from chalicelib.objects.result import Replayed, Settled
from chalicelib.objects.store import ObjectStore
from chalicelib.objects.stored_object import StoredObject, size_key
from chalicelib.objects.update import overwritten

# So many objects that were made with this content and hold other content by now are passed over.
CONTENT_TURNS = 20


def _admit_any(_: StoredObject) -> None:
    """Admits every object: a response with a single object has no limit of its own."""


def _release_nothing() -> None:
    """Nothing was reserved."""


@dataclass(slots=True)
class Creation:
    """One request for a new object in one bucket. `policy` is None where the bucket has no unique key."""

    store: ObjectStore
    deposit: BlobWriter
    ids: Ids
    clock: Clock
    pause: Callable[[float], None]
    partition: str
    bucket: Bucket
    new: NewObject
    policy: str | None
    # Reserves the bytes of the object in the response before anything is written, and gives them back.
    admit: Callable[[StoredObject], None] = _admit_any
    release: Callable[[], None] = _release_nothing
    content_turn: int = 0
    met: StoredObject | None = None
    values: Mapping[str, Any] | None = None

    def settle(self) -> Settled:
        """Creates the object, changes the one there is, or finds the one that answers already.

        Raises RequestInvalid, UniqueKeyTaken, UniqueKeyAbsent, ObjectDeleted, Unavailable when every turn is lost,
        and what `admit` raises.
        """
        if self._looks_first():
            self.met = self._look()
        if self.met is None or not self._is_replay(self.met):
            twin = self._find_twin()
            if twin is not None:
                return self._replayed(twin, "skip_duplicates")
        return retry_on_conflict(self._turn, self.pause)

    def _turn(self) -> Settled:
        """One try, on the object that was met last; after a lost turn it is looked up again."""
        try:
            return self._meet(self.met) if self.met is not None else self._create()
        except VersionConflict:
            self.met = self._look()
            raise

    def _looks_first(self) -> bool:
        """Whether reading first spares more than it costs: bytes, or a write that cannot create."""
        new = self.new
        if not new.unique_key and new.idempotency_key is None:
            return False
        if new.has_bytes or self.policy == "update" or (new.idempotency_key is not None and new.skip_duplicates):
            return True
        return self.policy == "upsert" and not self._is_complete()

    def _is_complete(self) -> bool:
        try:
            self._complete()
        except RequestInvalid:
            return False
        return True

    def _complete(self) -> Mapping[str, Any]:
        """The fields of the object if it is new, made once. Raises RequestInvalid."""
        if self.values is None:
            self.values = complete_values(self.new, self.bucket)
        return self.values

    def _look(self, object_id: str | None = None) -> StoredObject | None:
        return self.store.find(self.partition, self.bucket.bucket_id, object_id or self._object_id())

    @property
    def identity(self) -> str | None:
        """The id that a key gives the object; None where it has no key."""
        new, bucket_id = self.new, self.bucket.bucket_id
        if new.unique_key:
            return id_of_unique_key(bucket_id, new.unique_key)
        return id_of_idempotency_key(bucket_id, new.idempotency_key) if new.idempotency_key is not None else None

    def _object_id(self) -> str:
        new, bucket_id = self.new, self.bucket.bucket_id
        if (identity := self.identity) is not None:
            return identity
        if self._is_by_content():
            return id_of_content(bucket_id, str(new.content_hash), self.content_turn)
        return self.ids.timed(PREFIX, random_chars=ID_CHARS - TIME_CHARS)

    def _is_by_content(self) -> bool:
        return self.wants_twin and self.content_turn < CONTENT_TURNS

    @property
    def wants_twin(self) -> bool:
        """Whether another object with exactly this content is to answer instead."""
        return self.new.skip_duplicates and self.new.content_hash is not None

    def _find_twin(self) -> StoredObject | None:
        """An object with exactly this content, made with the flag or without it; that of the same key before others."""
        if not self.wants_twin:
            return None
        if self.met is not None and self._is_twin(self.met):
            return self.met
        wanted = size_key(self.new.size_bytes, self.new.content_hash)
        found = map(self._look, self.store.ids_of_content(self.bucket.bucket_id, wanted))
        return next((each for each in found if each is not None and self._is_twin(each)), None)

    def _is_twin(self, met: StoredObject) -> bool:
        return met.soft_deleted is None and met.content_hash == self.new.content_hash

    def _is_replay(self, met: StoredObject) -> bool:
        key = self.new.idempotency_key
        return met.soft_deleted is None and key is not None and key == met.idempotency_key

    def _create(self) -> Settled:
        """Creates the object, unless its id is taken: then what is there decides."""
        if self.policy == "update":
            raise UniqueKeyAbsent(self.new.unique_key)
        object_id = self._object_id()
        values = self._complete()
        made = stored_object(
            self.new,
            self.bucket,
            partition=self.partition,
            object_id=object_id,
            values=values,
            blobs=self.deposit.store(self.new.blobs, object_id),
            now=format_timestamp(self.clock()),
            mark=self.ids.random("m", 10),
        )
        self.admit(made)
        met = self.store.add(made)
        return Settled(made) if met is None else self._meet(met)

    def _meet(self, met: StoredObject) -> Settled:
        """What follows from the object that is there. Raises VersionConflict to try again, maybe under another id."""
        if self._is_replay(met):
            return self._replayed(met, "idempotency_key")
        keyed = self.new.unique_key or self.new.idempotency_key is not None
        if not keyed and not self._is_by_content():
            return Settled(met)  # nobody else can have made this id: our write came through, and another after it
        if self.wants_twin and self._is_twin(met):
            return self._replayed(met, "skip_duplicates")
        if not keyed:
            self.content_turn += 1  # other content by now, or hidden: no twin
            raise VersionConflict()
        if met.soft_deleted is not None:
            raise ObjectDeleted(met.object_id)
        if self.policy == "insert":
            raise UniqueKeyTaken(met.object_id, self.new.unique_key)
        return self._overwrite(met)

    def _replayed(self, met: StoredObject, by: Replayed) -> Settled:
        self.admit(met)
        return Settled(met, by)

    def _overwrite(self, met: StoredObject) -> Settled:
        blobs = self.deposit.store(self.new.blobs, met.object_id)
        over = overwritten(met, self.new, self.bucket, blobs)
        over = replace(
            over,
            revision=met.revision + 1,
            epoch=self.bucket.tally.epoch,
            updated_at=format_timestamp(self.clock()),
        )
        self.admit(over)
        self.store.replace(met, over)
        return Settled(over)
