"""The rows of uploads in the catalog table. Each change has the condition that the row has not changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from chalicelib import keys
from chalicelib.aws.dynamodb.attribute_values import Item
from chalicelib.aws.dynamodb.expressions import absent, all_of, between, equals, exists
from chalicelib.aws.dynamodb.table import Table
from chalicelib.aws.dynamodb.writes import ConditionCheck, Put, Step, applied_as_revision
from chalicelib.blobs.sharing import HAS_FILE
from chalicelib.buckets.errors import BucketNotActive, BucketNotFound
from chalicelib.core.errors import ApiError
from chalicelib.core.ids import is_key_part
from chalicelib.uploads.errors import UploadChanged, UploadNotFound
from chalicelib.uploads.upload import Upload, from_item, to_item, ttl

# With its pointer, an upload has two rows. DynamoDB limits a transaction to 100 rows.
UPLOADS_PER_TRANSACTION = 40


class UploadStore:
    """The uploads to all buckets. `rows` is the partition key of the uploads to a bucket, see `keys.uploads`."""

    def __init__(self, table: Table) -> None:
        self.table = table

    def add(self, uploads: Sequence[Upload]) -> None:
        """Stores new uploads to one bucket, up to `UPLOADS_PER_TRANSACTION` at a time.

        Raises BucketNotFound, and BucketNotActive if the bucket is being deleted.
        """
        for start in range(0, len(uploads), UPLOADS_PER_TRANSACTION):
            chunk = uploads[start : start + UPLOADS_PER_TRANSACTION]
            first = chunk[0]
            steps = [step for upload in chunk for step in self._new(upload)]
            self.table.transact([*steps, _bucket_is_open(first)])

    def find(self, rows: str, upload_id: str) -> Upload | None:
        """Returns the upload, or None if it does not exist. Strongly consistent."""
        row = self.table.get(keys.upload(rows, upload_id)) if is_key_part(upload_id) else None
        return from_item(row) if row else None

    def find_many(self, wanted: Iterable[tuple[str, str]]) -> dict[str, Upload]:
        """Returns the existing uploads by id. `wanted` has `rows` and id of each. Strongly consistent."""
        found = self.table.get_many(
            keys.upload(rows, upload_id) for rows, upload_id in wanted if is_key_part(upload_id)
        )
        return {row["upload_id"]: from_item(row) for row in found}

    def locate_many(self, upload_ids: Iterable[str]) -> dict[str, Upload]:
        """Returns the existing uploads of whatever buckets by id, as `locate` does."""
        pointers = self.table.get_many(keys.upload_pointer(each) for each in upload_ids if is_key_part(each))
        ids = ((pointer["uploads"], pointer["pk"].partition("#")[2]) for pointer in pointers)
        return self.find_many(ids)

    def get(self, rows: str, upload_id: str) -> Upload:
        """Returns the upload. Strongly consistent. Raises UploadNotFound."""
        found = self.find(rows, upload_id)
        if found is None:
            raise UploadNotFound(upload_id)
        return found

    def current(self, upload: Upload) -> Upload:
        """Returns the stored revision of an upload that was read before. Raises UploadNotFound."""
        return self.get(upload.rows, upload.upload_id)

    def locate(self, upload_id: str) -> Upload | None:
        """Returns the upload, of whatever bucket, or None. Only for files that S3 reports."""
        pointer = self.table.get(keys.upload_pointer(upload_id)) if is_key_part(upload_id) else None
        return self.find(pointer["uploads"], upload_id) if pointer else None

    def change(self, old: Upload, new: Upload) -> Put:
        """Returns the write of the next revision. The error of its condition is UploadChanged."""
        condition = equals("revision", old.revision)
        return Put(to_item(new), condition, lambda _: UploadChanged(), applied_as_revision(old.revision))

    def has_file(self, upload: Upload) -> ConditionCheck:
        """Returns the check that an upload still has its file. The error of its condition is UploadChanged."""
        key = keys.upload(upload.rows, upload.upload_id)
        return ConditionCheck(key, HAS_FILE, lambda _: UploadChanged())

    def completion(self, old: Upload, new: Upload) -> list[Step]:
        """Returns the writes that complete an upload with an object. Later ones of the same content refer to it."""
        content = {**keys.uploaded_content(old.rows, str(new.sha256)), "upload_id": new.upload_id}
        return [self.change(old, new), Put(content)]

    def write(self, *steps: Step) -> None:
        """Applies writes in one transaction."""
        self.table.transact(steps)

    def removed_files(self, rows: str, upload_ids: Iterable[str]) -> dict[str, str]:
        """Returns when the files of these uploads were removed, without the uploads that still have them."""
        wanted = (keys.upload(rows, upload_id) for upload_id in upload_ids)
        found = self.table.get_many(wanted, attributes=("upload_id", "file_removed_at"))
        return {row["upload_id"]: row["file_removed_at"] for row in found if "file_removed_at" in row}

    def with_content(self, rows: str, sha256: str) -> Upload | None:
        """Returns the latest completed upload of this content with an object, or None. Strongly consistent."""
        row = self.table.get(keys.uploaded_content(rows, sha256))
        return self.find(rows, row["upload_id"]) if row else None

    def walk(self, rows: str, *, descending: bool) -> Iterator[Upload]:
        """Yields the uploads in the order of their creation. Raises DeadlineExceeded."""
        found = self.table.query(
            all_of(equals("pk", rows), between("sk", *keys.uploads_range())), descending=descending
        )
        return map(from_item, self.table.until_deadline(found))

    def first(self, rows: str, at_most: int) -> list[Item]:
        """Returns up to `at_most` of the first rows about the uploads to a bucket."""
        return self.table.query_page(equals("pk", rows), at_most)

    def remove(self, rows: Sequence[Item]) -> int:
        """Deletes rows that `first` has returned, with the pointers of uploads. Returns how many were given."""
        uploads = [row["upload_id"] for row in rows if "staging_key" in row]
        self.table.delete_many(map(keys.upload_pointer, uploads))
        self.table.delete_many({"pk": row["pk"], "sk": row["sk"]} for row in rows)
        return len(rows)

    def _new(self, upload: Upload) -> list[Step]:
        # No other upload gets this id, so the row proves that the transaction was applied.
        put = Put(to_item(upload), absent("pk"), was_applied=lambda row: True if row else None)
        pointer = {**keys.upload_pointer(upload.upload_id), "uploads": upload.rows, "ttl": ttl(upload)}
        return [put, Put(pointer, absent("pk"))]


def _bucket_is_open(upload: Upload) -> ConditionCheck:
    bucket, is_open = keys.bucket(upload.partition, upload.bucket_id), all_of(exists("pk"), absent("deletion_task"))

    def is_closed(row: Item | None) -> ApiError:
        return BucketNotActive(row["status"]) if row else BucketNotFound(upload.bucket_id)

    return ConditionCheck(bucket, is_open, is_closed)
