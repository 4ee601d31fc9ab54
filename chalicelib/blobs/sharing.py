"""Objects that share the file of an upload: a row for each use, and the removal of the file with the last use.

The object that the upload has made is named in the row of the upload. For every other object that refers to the file,
there is a row of its own, a use. It is written in the transaction that writes the object, together with the next
revision of the upload. The file is removed in two steps: the row of the upload says that it is, on condition of the
revision before the uses were read, and then the bytes are deleted. So an object that starts to use the file meanwhile
either comes first, and the removal begins again, or it is refused.

This module is small, because the handler of the stream imports it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from chalicelib import keys
from chalicelib.aws.dynamodb.attribute_values import Item
from chalicelib.aws.dynamodb.expressions import UpdateExpression, absent, all_of, between, equals
from chalicelib.aws.dynamodb.optimistic_lock import VersionConflict, retry_on_conflict
from chalicelib.aws.dynamodb.table import Table
from chalicelib.aws.dynamodb.writes import Delete, Put, Step, Update
from chalicelib.core.errors import ApiError, Unavailable

# The limits of BatchGetItem and of a transaction.
_PAGE_ROWS = 100
# The condition of an upload that has its file. Only completed uploads have one.
HAS_FILE = all_of(equals("status", "COMPLETED"), absent("file_removed_at"))


@dataclass(frozen=True, slots=True)
class Use:
    """A write of an object that starts to refer to the file of an upload.

    `mark` and `revision` are those of the object, so no two writes have the same ones.
    """

    uploads: str
    upload_id: str
    object_id: str
    mark: str
    revision: int

    def steps(self) -> list[Step]:
        """Returns the writes of the use. Their errors are those of `uploaded.refusal`."""
        item = {
            **keys.upload_use(self.uploads, self.upload_id, self.object_id),
            "object_id": self.object_id,
            "mark": self.mark,
            "revision": self.revision,
        }
        next_revision = UpdateExpression(add={"revision": 1})
        return [Put(item), Update(keys.upload(self.uploads, self.upload_id), next_revision, HAS_FILE, self._refused)]

    def _refused(self, row: Item | None) -> ApiError:
        from chalicelib.blobs.errors import SourceNotFound
        from chalicelib.blobs.uploaded import refusal

        return (refusal(row) or Unavailable()) if row else SourceNotFound(self.upload_id)


@dataclass(frozen=True, slots=True)
class SharedFile:
    """The file of an upload that an object no longer refers to.

    `referring` returns which of the objects with these ids refer to the file, whatever else has happened; strongly
    consistent. `pause` waits for a number of seconds.
    """

    table: Table
    uploads: str
    upload_id: str
    key: str
    referring: Callable[[Iterable[str]], set[str]]
    pause: Callable[[float], None]

    def release(self, now: str, upload: Item | None = None, own: Sequence[Item] = ()) -> bool:
        """Marks the file as removed unless an object refers to it. Returns whether the caller must delete its bytes.

        A caller that has read the row of the upload, and after it uses that may be stale, can give both. A repetition
        returns the same, so that it completes what a call that was killed has begun. Without the row of the upload,
        which is deleted with its bucket, the bytes must be deleted. Raises Unavailable.
        """
        given = [(upload, own)] if upload is not None else []

        def attempt() -> bool:
            row, uses = given.pop() if given else (self.table.get(keys.upload(self.uploads, self.upload_id)), ())
            if row is None or not self._has_this_file(row):
                return True
            if self._is_used(row, uses):
                return False
            self._mark_removed(row, now)
            return True

        return retry_on_conflict(attempt, self.pause)

    def _has_this_file(self, upload: Item) -> bool:
        return "file_removed_at" not in upload and bool(upload.get("file_key") == self.key)

    def _is_used(self, upload: Item, own: Sequence[Item]) -> bool:
        """Whether an object refers to the file. Deletes the uses by objects that do not. Raises VersionConflict."""
        makers = [upload["object_id"]] if "object_id" in upload else []
        if self._any_refers(own, makers):
            return True
        uses = self._uses()
        while page := list(islice(uses, _PAGE_ROWS)):
            if self._any_refers(page):
                return True
        return False

    def _any_refers(self, uses: Sequence[Item], makers: Sequence[str] = ()) -> bool:
        """Whether the object of one of these uses, or a maker, refers to the file. Deletes the uses that are stale."""
        ids = {*makers, *(use["object_id"] for use in uses)}
        live = self.referring(ids) if ids else set()
        self._delete([use for use in uses if use["object_id"] not in live])
        return bool(live)

    def _delete(self, stale: Sequence[Item]) -> None:
        """Deletes uses by objects that do not refer to the file.

        The rows were read before the objects. If one has changed since, its object may refer to the file again, and
        VersionConflict is raised.
        """
        steps = [_deletion(use) for use in stale]
        if len(steps) == 1:
            self.table.write(steps[0])
        elif steps:
            self.table.transact(steps)

    def _uses(self) -> Iterator[Item]:
        where = all_of(equals("pk", self.uploads), between("sk", *keys.upload_uses_range(self.upload_id)))
        return self.table.query(where, page_size=_PAGE_ROWS)

    def _mark_removed(self, upload: Item, now: str) -> None:
        """Records that the file is removed. Raises VersionConflict if the upload has changed since it was read."""
        update = UpdateExpression(set={"file_removed_at": now}, add={"revision": 1})
        unchanged = equals("revision", upload["revision"])
        key = keys.upload(self.uploads, self.upload_id)
        self.table.write(Update(key, update, unchanged, lambda _: VersionConflict(), _is_removed))


def _deletion(use: Item) -> Delete:
    unchanged = all_of(equals("mark", use["mark"]), equals("revision", use["revision"]))
    return Delete({"pk": use["pk"], "sk": use["sk"]}, unchanged, lambda _: VersionConflict(), lambda _: False)


def _is_removed(upload: Item | None) -> bool:
    """Whether the file of an upload was removed. If it was not, the removal begins again with the current row."""
    return upload is not None and "file_removed_at" in upload
