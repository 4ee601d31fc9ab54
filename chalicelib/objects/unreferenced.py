"""Removes the files that objects no longer refer to, according to records of the stream of the objects table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chalicelib.blobs.garbage import RemovedFile, RowKey, unreferenced_files
from chalicelib.core.clock import Clock
from chalicelib.core.errors import Unavailable
from chalicelib.objects.shared_files import SharedFiles
from chalicelib.objects.store import ObjectStore

if TYPE_CHECKING:
    from chalicelib.aws.dynamodb.table import Table
    from chalicelib.blobs.service import Blobs


@dataclass(frozen=True, slots=True)
class UnreferencedFiles:
    """Removes files that no row refers to. `catalog` has the rows of uploads, whose files objects can share."""

    store: ObjectStore
    blobs: Blobs
    catalog: Table
    clock: Clock
    pause: Callable[[float], None]

    def remove(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Removes the files that no row refers to after the changes in these records.

        Rows are read together, and files are removed together. Raises Unavailable, also if only one file of an upload
        could not be released; the other files are removed nevertheless.
        """
        gone = self._gone(unreferenced_files(records))
        # Soon after the rows were read. The removal of files of uploads takes longer.
        self.blobs.remove(file.key for _, file in gone if file.upload_id is None)
        self._release([(row, file) for row, file in gone if file.upload_id is not None])

    def _gone(self, removed: Mapping[RowKey, set[RemovedFile]]) -> list[tuple[RowKey, RemovedFile]]:
        """The files that their rows do not refer to.

        A write is repeated if its response was lost, so the current row may refer to the files again.
        """
        by_bucket: dict[str, list[str]] = {}
        for row in removed:
            by_bucket.setdefault(row.bucket_id, []).append(row.object_id)
        kept = {
            (bucket_id, stored.object_id, blob.key)
            for bucket_id, object_ids in by_bucket.items()
            for stored in self.store.many(bucket_id, object_ids)
            for blob in stored.blobs
        }
        found = ((row, file) for row, files in removed.items() for file in files)
        return [(row, file) for row, file in found if (row.bucket_id, row.object_id, file.key) not in kept]

    def _release(self, gone: Iterable[tuple[RowKey, RemovedFile]]) -> None:
        """Removes the files of uploads to which no object refers. Raises Unavailable."""
        partitions: dict[str, str] = {}
        by_bucket: dict[str, dict[RemovedFile, list[str]]] = {}
        for row, file in gone:
            partitions[row.bucket_id] = row.partition
            by_bucket.setdefault(row.bucket_id, {}).setdefault(file, []).append(row.object_id)
        shared = SharedFiles(self.store, self.catalog, self.clock, self.pause, partitions.get)
        released: list[str] = []
        failed: Unavailable | None = None
        for bucket_id, files in by_bucket.items():
            try:
                for key in shared.released(bucket_id, files):
                    released.append(key)
            except Unavailable as error:
                failed = error
        # These were marked as removed, so nothing can refer to them again, and they can be removed together.
        self.blobs.remove(released)
        if failed is not None:
            raise failed
