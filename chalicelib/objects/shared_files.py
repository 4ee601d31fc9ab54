"""The files of uploads, which objects can share: whether they are needed, and their release."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from chalicelib import keys
from chalicelib.aws.dynamodb.expressions import all_of, between, equals
from chalicelib.blobs.garbage import RemovedFile, upload_of_key
from chalicelib.core.clock import Clock, format_timestamp
from chalicelib.core.errors import Unavailable
from chalicelib.objects.store import ObjectStore

if TYPE_CHECKING:
    from chalicelib.aws.dynamodb.attribute_values import Item
    from chalicelib.aws.dynamodb.table import Table

_PAGE_ROWS = 100
# The attributes of an upload that are read here.
_ATTRIBUTES = ("upload_id", "revision", "object_id", "file_key", "file_removed_at")


@dataclass(frozen=True, slots=True)
class SharedFiles:
    """The files of completed uploads. `catalog` has the rows of uploads and of the uses of their files.

    `partition_of` returns the partition of a bucket, or None if the bucket does not exist.
    """

    store: ObjectStore
    catalog: Table
    clock: Clock
    pause: Callable[[float], None]
    partition_of: Callable[[str], str | None]

    def needed(self, bucket_id: str, s3_keys: Iterable[str]) -> set[str]:
        """Those of these keys whose files are those of uploads to the bucket and must be kept.

        That is a file to which the object of the upload, or one that uses the file, refers. The file of an upload
        without an object is kept too, until an object has used it. Every read is strongly consistent, but an object can
        begin to use a file afterwards. Raises Unavailable.
        """
        partition, wanted = self.partition_of(bucket_id), set(s3_keys)
        if partition is None:
            return set()
        uploads = keys.uploads(partition, bucket_id)
        files = self._files(uploads, wanted)
        makers = {row["object_id"] for row in files.values() if "object_id" in row}
        referenced = self._referenced(bucket_id, makers)
        undecided = {
            upload_id: row["file_key"] for upload_id, row in files.items() if row["file_key"] not in referenced
        }
        used = set()
        uses = self._uses(uploads, undecided)
        while page := list(islice(uses, _PAGE_ROWS)):
            used |= {keys.upload_of_use(use) for use in page}
            referenced |= self._referenced(bucket_id, {use["object_id"] for use in page})
        unused = {id_ for id_ in undecided if id_ not in used and "object_id" not in files[id_]}
        return {row["file_key"] for id_, row in files.items() if row["file_key"] in referenced or id_ in unused}

    def removable(self, s3_keys: Iterable[str]) -> set[str]:
        """Those of these keys whose files the caller must delete: all, except files of uploads that objects refer to.

        No object can begin to use one of these files. Raises Unavailable.
        """
        found = set(s3_keys)
        by_bucket: dict[str, dict[RemovedFile, Iterable[str]]] = {}
        for key in found:
            if (upload_id := upload_of_key(key)) is not None:
                by_bucket.setdefault(key.split("/")[1], {})[RemovedFile(key, upload_id)] = ()
        kept = {file.key for files in by_bucket.values() for file in files}
        for bucket_id, files in by_bucket.items():
            kept -= set(self.released(bucket_id, files))
        return found - kept

    def released(self, bucket_id: str, files: Mapping[RemovedFile, Iterable[str]]) -> Iterator[str]:
        """Yields the keys of those of these files of uploads whose bytes the caller must delete.

        A file is yielded when no object can begin to use it any more, and not if an object refers to it. `files` has
        the ids of objects that referred to each file, so that their uses are deleted. Raises Unavailable after the last
        file, if one of them could not be released.
        """
        partition = self.partition_of(bucket_id)
        if partition is None:
            yield from (file.key for file in files)
            return
        uploads = keys.uploads(partition, bucket_id)
        rows = self._rows(uploads, {str(file.upload_id) for file in files})
        own = self._own_uses(uploads, files)
        failed: Unavailable | None = None
        for file in files:
            upload_id = str(file.upload_id)
            try:
                row = rows.get(upload_id)
                if row is None or self._is_released(bucket_id, uploads, file, row, own.get(upload_id, [])):
                    yield file.key
            except Unavailable as error:
                failed = error
        if failed is not None:
            raise failed

    def _is_released(self, bucket_id: str, uploads: str, file: RemovedFile, row: Item, own: Sequence[Item]) -> bool:
        """Whether no object can begin to use the file any more. Raises Unavailable."""
        from chalicelib.blobs.sharing import SharedFile

        def referring(object_ids: Iterable[str]) -> set[str]:
            found = self.store.many(bucket_id, sorted(object_ids))
            return {stored.object_id for stored in found if any(blob.key == file.key for blob in stored.blobs)}

        shared = SharedFile(self.catalog, uploads, str(file.upload_id), file.key, referring, self.pause)
        return shared.release(format_timestamp(self.clock()), row, own)

    def _own_uses(self, uploads: str, files: Mapping[RemovedFile, Iterable[str]]) -> dict[str, list[Item]]:
        """The uses of files by the objects that referred to them, by upload."""
        wanted = (
            keys.upload_use(uploads, str(file.upload_id), object_id)
            for file, object_ids in files.items()
            for object_id in object_ids
        )
        found: dict[str, list[Item]] = {}
        for use in self.catalog.get_many(wanted):
            found.setdefault(keys.upload_of_use(use), []).append(use)
        return found

    def _rows(self, uploads: str, upload_ids: Iterable[str]) -> dict[str, Item]:
        """The rows of uploads, by id."""
        found = self.catalog.get_many((keys.upload(uploads, each) for each in upload_ids), attributes=_ATTRIBUTES)
        return {row["upload_id"]: row for row in found}

    def _files(self, uploads: str, s3_keys: set[str]) -> dict[str, Item]:
        """The rows of the uploads that have one of these keys as their file, by id."""
        ids = {upload_id for key in s3_keys if (upload_id := upload_of_key(key)) is not None}
        return {
            upload_id: row
            for upload_id, row in self._rows(uploads, ids).items()
            if row.get("file_key") in s3_keys and "file_removed_at" not in row
        }

    def _uses(self, uploads: str, files: Mapping[str, str]) -> Iterator[Item]:
        """The uses of uploads. `files` has the key of the file of each.

        The files of uploads without an object are listed in the order of the uploads, so one range has all their uses.
        """
        own = sorted(upload_id for upload_id, key in files.items() if f"/{upload_id}/" in key)
        ranges = [(own[0], own[-1])] if own else []
        ranges += [(upload_id, upload_id) for upload_id in sorted(files.keys() - set(own))]
        for first, last in ranges:
            bounds = keys.upload_uses_range(first)[0], keys.upload_uses_range(last)[1]
            yield from self.catalog.query(all_of(equals("pk", uploads), between("sk", *bounds)), page_size=_PAGE_ROWS)

    def _referenced(self, bucket_id: str, object_ids: Iterable[str]) -> set[str | None]:
        """The keys of the files that the current rows of these objects refer to. Strongly consistent."""
        return {blob.key for stored in self.store.many(bucket_id, sorted(object_ids)) for blob in stored.blobs}
