"""Creates an object with one conditional write.

The object's id is computed from what identifies the object (see `identity`), so concurrent requests with the same
key write the same row. If the row exists, the failed condition returns it, and the request replays it, updates it,
or fails.
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
from chalicelib.objects.overwrite import overwrite
from chalicelib.objects.result import CreateResult, ReplayReason
from chalicelib.objects.store import ObjectStore
from chalicelib.objects.stored_object import StoredObject, size_key

# After this many ids of the same content are taken by objects that now have other content, the id is random.
MAX_CONTENT_IDS = 20


def _reserve_nothing(_: StoredObject) -> None:
    """A response with a single object has no size limit of its own."""


def _release_nothing() -> None:
    """Nothing was reserved."""


@dataclass(slots=True)
class Creation:
    """One request to create an object in a bucket.

    `policy` is None if the bucket has no unique key. `reserve` is called with the object before it is written, and
    reserves its bytes in the response; `release` gives them back.
    """

    store: ObjectStore
    writer: BlobWriter
    ids: Ids
    clock: Clock
    pause: Callable[[float], None]
    partition: str
    bucket: Bucket
    new: NewObject
    policy: str | None
    reserve: Callable[[StoredObject], None] = _reserve_nothing
    release: Callable[[], None] = _release_nothing
    # State of `execute`: how many ids of this content were taken, the row that was read last, the complete fields.
    content_attempt: int = 0
    existing: StoredObject | None = None
    values: Mapping[str, Any] | None = None

    def execute(self) -> CreateResult:
        """Creates the object, updates the existing one, or returns the one that the request replays.

        Raises RequestInvalid, UniqueKeyTaken, UniqueKeyAbsent, ObjectDeleted, Unavailable if all attempts conflict with
        other writes, and the errors of `reserve`.
        """
        if self._reads_first():
            self.existing = self._find()
        if self.existing is None or not self._is_replay(self.existing):
            duplicate = self._find_duplicate()
            if duplicate is not None:
                return self._replayed(duplicate, "skip_duplicates")
        return retry_on_conflict(self._attempt, self.pause)

    def _attempt(self) -> CreateResult:
        """Writes once, based on the row that was read last. Reads the row again after a conflict."""
        try:
            return self._resolve(self.existing) if self.existing is not None else self._create()
        except VersionConflict:
            self.existing = self._find()
            raise

    def _reads_first(self) -> bool:
        """Whether to read before the write, because the read may make an upload or a failing write unnecessary."""
        new = self.new
        if not new.unique_key and new.idempotency_key is None:
            return False
        if new.has_bytes or self.policy == "update" or (new.idempotency_key is not None and new.skip_duplicates):
            return True
        return self.policy == "upsert" and not self._is_complete()

    def _is_complete(self) -> bool:
        try:
            self._complete_values()
        except RequestInvalid:
            return False
        return True

    def _complete_values(self) -> Mapping[str, Any]:
        """The fields of the object if it is new. Computed once. Raises RequestInvalid."""
        if self.values is None:
            self.values = complete_values(self.new, self.bucket)
        return self.values

    def _find(self, object_id: str | None = None) -> StoredObject | None:
        return self.store.find(self.partition, self.bucket.bucket_id, object_id or self._object_id())

    @property
    def identity(self) -> str | None:
        """The object id for the unique key or the idempotency key; None if the object has neither."""
        new, bucket_id = self.new, self.bucket.bucket_id
        if new.unique_key:
            return id_of_unique_key(bucket_id, new.unique_key)
        return id_of_idempotency_key(bucket_id, new.idempotency_key) if new.idempotency_key is not None else None

    def _object_id(self) -> str:
        new, bucket_id = self.new, self.bucket.bucket_id
        if (identity := self.identity) is not None:
            return identity
        if self._has_content_id():
            return id_of_content(bucket_id, str(new.content_hash), self.content_attempt)
        return self.ids.timed(PREFIX, random_chars=ID_CHARS - TIME_CHARS)

    def _has_content_id(self) -> bool:
        return self.skips_duplicates and self.content_attempt < MAX_CONTENT_IDS

    @property
    def skips_duplicates(self) -> bool:
        """Whether the request returns an existing object that has exactly the same content."""
        return self.new.skip_duplicates and self.new.content_hash is not None

    def _find_duplicate(self) -> StoredObject | None:
        """An object with the same content, preferably the one with the same key.

        The object need not have been created with `skip_duplicates`.
        """
        if not self.skips_duplicates:
            return None
        if self.existing is not None and self._is_duplicate(self.existing):
            return self.existing
        key = size_key(self.new.size_bytes, self.new.content_hash)
        candidates = map(self._find, self.store.ids_of_content(self.bucket.bucket_id, key))
        return next((each for each in candidates if each is not None and self._is_duplicate(each)), None)

    def _is_duplicate(self, existing: StoredObject) -> bool:
        return existing.soft_deleted is None and existing.content_hash == self.new.content_hash

    def _is_replay(self, existing: StoredObject) -> bool:
        key = self.new.idempotency_key
        return existing.soft_deleted is None and key is not None and key == existing.idempotency_key

    def _create(self) -> CreateResult:
        """Creates the object. If its id is taken, resolves the request against the existing object."""
        if self.policy == "update":
            raise UniqueKeyAbsent(self.new.unique_key)
        object_id = self._object_id()
        values = self._complete_values()
        created = stored_object(
            self.new,
            self.bucket,
            partition=self.partition,
            object_id=object_id,
            values=values,
            blobs=self.writer.store(self.new.blobs, object_id),
            now=format_timestamp(self.clock()),
            mark=self.ids.random("m", 10),
        )
        self.reserve(created)
        existing = self.store.add(created)
        return CreateResult(created) if existing is None else self._resolve(existing)

    def _resolve(self, existing: StoredObject) -> CreateResult:
        """Replays or updates the existing object, or raises an error.

        Raises VersionConflict to try again, possibly with another id.
        """
        if self._is_replay(existing):
            return self._replayed(existing, "idempotency_key")
        has_key = self.new.unique_key or self.new.idempotency_key is not None
        if self.skips_duplicates and self._is_duplicate(existing):
            return self._replayed(existing, "skip_duplicates")
        if not has_key:
            # The object with the id of this content now has other content or is soft-deleted, or a random id is taken.
            # Try the next id.
            self.content_attempt += 1
            raise VersionConflict()
        if existing.soft_deleted is not None:
            raise ObjectDeleted(existing.object_id)
        if self.policy == "insert":
            raise UniqueKeyTaken(existing.object_id, self.new.unique_key)
        return self._update(existing)

    def _replayed(self, existing: StoredObject, by: ReplayReason) -> CreateResult:
        self.reserve(existing)
        return CreateResult(existing, by)

    def _update(self, existing: StoredObject) -> CreateResult:
        blobs = self.writer.store(self.new.blobs, existing.object_id)
        updated = overwrite(existing, self.new, self.bucket, blobs)
        updated = replace(
            updated,
            revision=existing.revision + 1,
            epoch=self.bucket.tally.epoch,
            updated_at=format_timestamp(self.clock()),
        )
        self.reserve(updated)
        self.store.replace(existing, updated)
        return CreateResult(updated)
