"""A store that shows what writes would do, without writing."""

from __future__ import annotations

from chalicelib.aws.dynamodb.optimistic_lock import VersionConflict
from chalicelib.aws.dynamodb.table import Table
from chalicelib.objects.store import Companions, ObjectStore
from chalicelib.objects.stored_object import StoredObject, to_item


class ForecastStore(ObjectStore):
    """Reads objects as they are stored, and keeps what `add` and `replace` write in memory, where `find` sees it."""

    def __init__(
        self,
        stored: ObjectStore,
        written: dict[tuple[str, str], StoredObject] | None = None,
        companions: Companions | None = None,
    ) -> None:
        super().__init__(stored.table)
        self._stored = stored
        self._written = {} if written is None else written
        self._companions_of = companions

    def with_companions(self, table: Table, companions: Companions) -> ForecastStore:
        """The same store, but each write also calls `companions`. The writes that it returns are not applied."""
        return ForecastStore(self._stored, self._written, companions)

    def find_any(self, bucket_id: str, object_id: str) -> StoredObject | None:
        """The object as it would be after the writes; None if it would not exist."""
        written = self._written.get((bucket_id, object_id))
        return written or self._stored.find_any(bucket_id, object_id)

    def add(self, new: StoredObject) -> StoredObject | None:
        """Keeps a new object. Returns None, or the existing object that has its id. Raises ObjectTooLarge."""
        to_item(new)
        existing = self.find_any(new.bucket_id, new.object_id)
        if existing is None:
            self._keep(new, None)
        return existing

    def replace(self, old: StoredObject, new: StoredObject) -> None:
        """Keeps the new revision of an object. Raises VersionConflict if it has changed, and ObjectTooLarge."""
        to_item(new)
        current = self.find_any(old.bucket_id, old.object_id)
        if current is None or (current.mark, current.revision) != (old.mark, old.revision):
            raise VersionConflict()
        self._keep(new, old)

    def _keep(self, new: StoredObject, old: StoredObject | None) -> None:
        if self._companions_of is not None:
            self._companions_of(new, old)
        self._written[new.bucket_id, new.object_id] = new
