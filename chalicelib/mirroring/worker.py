"""Copies the file of one wish, and records in the object's row how it ended.

The file is stored before the row is written, under a key that only this attempt uses. So of any number of attempts at
the same time, the first one that writes the row ends the wish, and the others remove what they have stored. An attempt
that is killed leaves its file. The message is then delivered again, and removes all files of the wish except the one
that the row refers to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from math import ceil
from typing import TYPE_CHECKING

from chalicelib.aws.dynamodb.optimistic_lock import retry_on_conflict
from chalicelib.aws.retry import OutcomeUnknown
from chalicelib.blobs.blob import Blob
from chalicelib.blobs.mirror import COMPLETED, FAILED, Mirror
from chalicelib.blobs.writer import blob_key
from chalicelib.buckets.bucket import Bucket
from chalicelib.buckets.errors import BucketLocked, BucketNotActive, BucketNotFound
from chalicelib.buckets.service import check_writable
from chalicelib.core.clock import Clock, format_timestamp, parse_timestamp
from chalicelib.core.ids import Ids
from chalicelib.mirroring.checking import check_checksum, describe
from chalicelib.mirroring.failures import (
    GAVE_UP,
    MAX_CLEANINGS,
    MAX_STARTS,
    RETRY_DELAYS,
    Failure,
    MirrorFailed,
    of_request,
    of_status,
    refused,
)
from chalicelib.mirroring.queue import MirrorMessage
from chalicelib.mirroring.storing import Copied, FileCopy
from chalicelib.objects.errors import ObjectTooLarge
from chalicelib.objects.mirroring import pending_blob, with_blob
from chalicelib.objects.service import Objects
from chalicelib.objects.stored_object import StoredObject
from chalicelib.outbound.errors import OutboundError

if TYPE_CHECKING:
    from chalicelib.outbound.client import GuardedClient
    from chalicelib.outbound.streams import GuardedStream

MAX_FILE_BYTES = 5 * 1024**3
# The function has 900 seconds.
FETCH_SECONDS = 600.0
_ATTEMPT_CHARS = 8
HEADERS = {"Accept": "*/*"}


class TimeUp(Exception):
    """The time of the worker ends before the file has been copied."""


@dataclass(frozen=True, slots=True)
class Result:
    """How the work on a message ended, for the log, and after how many seconds it must continue; None for never.

    `counts` says whether the delivery counts as one in which the worker has started.
    """

    ended: str
    delay_seconds: int | None = None
    size_bytes: int | None = None
    code: str | None = None
    counts: bool = True


GONE = Result("gone")
# The bucket is locked, archived or suspended. The longest delay of SQS.
READ_ONLY = Result("read_only", 900, counts=False)


@dataclass(frozen=True, slots=True)
class Mirroring:
    """Copies files by URL. `client` returns the HTTP client, which is built on first use."""

    objects: Objects
    client: Callable[[], GuardedClient]
    ids: Ids
    clock: Clock
    max_bytes: int = MAX_FILE_BYTES
    fetch_seconds: float = FETCH_SECONDS

    def run(self, message: MirrorMessage, *, starts: int, is_time_up: Callable[[], bool]) -> Result:
        """Copies the file of the wish, unless it has ended or waits. `starts` counts the deliveries for the wish.

        Raises TimeUp, Unavailable and OutcomeUnknown; the message must then be delivered again.
        """
        try:
            result = self._run(message, starts, is_time_up)
        except (BucketLocked, BucketNotActive):
            return READ_ONLY
        if starts + message.pauses > 1 and starts <= MAX_STARTS + MAX_CLEANINGS and result.delay_seconds is None:
            self._remove_left_files(message)
        return result

    def _run(self, message: MirrorMessage, starts: int, is_time_up: Callable[[], bool]) -> Result:
        found = self._pending(message)
        bucket = self._bucket(message) if found is not None else None
        if found is None or bucket is None:
            return GONE
        check_writable(bucket)
        blob, mirror = found[1], _mirror(found[1])
        if (wait := self._seconds_to_wait(mirror)) > 0:
            return Result("waits", wait)
        if starts > MAX_STARTS:
            return self._fail(message, GAVE_UP, mirror.attempts)
        copy = self._new_copy(message, blob, mirror, bucket)
        try:
            copied = self._fetch(copy, blob, mirror, is_time_up)
            stored = self._complete(message, copied)
        except OutcomeUnknown:  # the row may refer to the file
            raise
        except MirrorFailed as error:
            copy.discard()
            return self._fail(message, error.failure, mirror.attempts)
        except Exception:
            copy.discard()
            raise
        if stored is None:
            copy.discard()
            return GONE
        return Result("completed" if copied.url is not None else "unchanged", size_bytes=copied.size_bytes)

    def _pending(self, message: MirrorMessage) -> tuple[StoredObject, Blob] | None:
        """Returns the object with the file that the wish concerns, or None if it has no such wish that waits."""
        stored = self.objects.find(message.partition, message.bucket_id, message.object_id)
        blob = pending_blob(stored, message.mirror_id) if stored is not None else None
        if stored is None or blob is None or blob.blob_id != message.blob_id:
            return None
        return stored, blob

    def _bucket(self, message: MirrorMessage) -> Bucket | None:
        """Returns the bucket, or None if it is deleted or being deleted."""
        try:
            bucket = self.objects.buckets.get(message.partition, message.bucket_id)
        except BucketNotFound:
            return None
        return bucket if bucket.deletion_task is None else None

    def _seconds_to_wait(self, mirror: Mirror) -> int:
        if mirror.next_attempt_at is None:
            return 0
        return max(0, ceil((parse_timestamp(mirror.next_attempt_at) - self.clock()).total_seconds()))

    def _new_copy(self, message: MirrorMessage, blob: Blob, mirror: Mirror, bucket: Bucket) -> FileCopy:
        attempt = self.ids.random(message.mirror_id, _ATTEMPT_CHARS)
        key = blob_key(message.bucket_id, message.object_id, attempt)

        def wants(sha256: str) -> bool:
            check_checksum(mirror.checksum, sha256)
            return mirror.force or blob.key is None or blob.sha256 != sha256

        return FileCopy(self.objects.blobs, key, bucket.settings.storage_class, wants)

    def _fetch(self, copy: FileCopy, blob: Blob, mirror: Mirror, is_time_up: Callable[[], bool]) -> Copied:
        """Stores the file at the URL of the wish. Raises MirrorFailed, TimeUp."""
        try:
            with self.client().stream(
                mirror.source_url, headers=HEADERS, timeout_seconds=self.fetch_seconds, max_bytes=self.max_bytes
            ) as response:
                _check_response(response)
                return copy.run(
                    _until_time_up(response.chunks(), is_time_up),
                    lambda start, is_whole: describe(
                        start, is_whole=is_whole, headers=response.headers, filename=blob.filename, type_=blob.type
                    ),
                    is_text=blob.type == "text",
                )
        except OutboundError as error:
            raise MirrorFailed(of_request(error, self.max_bytes)) from error

    def _complete(self, message: MirrorMessage, copied: Copied) -> StoredObject | None:
        """Makes the file that of the object. Returns None if the wish has ended meanwhile. Raises MirrorFailed."""
        try:
            return self._write(message, lambda blob: completed(blob, copied))
        except ObjectTooLarge:  # the text repeats the content of the file
            without_text = replace(copied, text=None)
        try:
            return self._write(message, lambda blob: completed(blob, without_text))
        except ObjectTooLarge as error:  # it was stored before room was kept for its files
            raise refused("object_too_large", "The object has no room for the description of the file.") from error

    def _fail(self, message: MirrorMessage, failure: Failure, attempts: int) -> Result:
        """Records a failed attempt. After the last one, or if another one makes no sense, the wish has failed.

        If there have been more than `attempts` attempts, another message for the wish has recorded one at the same
        time, and nothing is written.
        """

        def change(blob: Blob) -> Blob:
            return after_failure(blob, failure, self.clock) if _mirror(blob).attempts == attempts else blob

        stored = self._write(message, change)
        found = pending_blob(stored, message.mirror_id) if stored is not None else None
        if found is None:
            return Result("failed" if stored is not None else GONE.ended, code=failure.code)
        return Result("retries", max(1, self._seconds_to_wait(_mirror(found))), code=failure.code)

    def _write(self, message: MirrorMessage, change: Callable[[Blob], Blob]) -> StoredObject | None:
        """Replaces the file of the wish in the row, unless it remains the same. Returns None if the wish has ended.

        Raises BucketLocked, BucketNotActive.
        """

        def attempt() -> StoredObject | None:
            found, bucket = self._pending(message), self._bucket(message)
            if found is None or bucket is None:
                return None
            check_writable(bucket)
            stored, blob = found
            changed = change(blob)
            if changed == blob:
                return stored
            return self.objects.store_revision(stored, with_blob(stored, changed), bucket)

        return retry_on_conflict(attempt, self.objects.pause)

    def _remove_left_files(self, message: MirrorMessage) -> None:
        """Removes the files of attempts that were killed. An attempt that still runs cannot succeed any more.

        Raises Unavailable.
        """
        prefix = blob_key(message.bucket_id, message.object_id, f"{message.mirror_id}_")
        keys = self.objects.blobs.keys_with_prefix(prefix)
        if keys:
            row = self.objects.store.find(message.partition, message.bucket_id, message.object_id)
            self.objects.blobs.remove(set(keys) - {blob.key for blob in row.blobs} if row is not None else keys)


def completed(blob: Blob, copied: Copied) -> Blob:
    """Returns the blob with the file that was copied. If the same content is stored, that file remains."""
    mirror = _mirror(blob)
    done = replace(mirror, status=COMPLETED, code=None, error=None, next_attempt_at=None)
    new_hash = mirror.checksum or f"sha256:{copied.sha256}"
    if copied.url is None:
        return replace(blob, hash=new_hash, mirror=done)
    return replace(
        blob,
        key=copied.key,
        url=copied.url,
        text=copied.text,
        filename=copied.description.filename,
        size_bytes=copied.size_bytes,
        mime_type=copied.description.mime_type,
        hash=new_hash,
        sha256=copied.sha256,
        storage_class=copied.storage_class,
        mirror=done,
    )


def after_failure(blob: Blob, failure: Failure, clock: Clock) -> Blob:
    """Returns the blob after an attempt that failed."""
    mirror = _mirror(blob)
    attempts = mirror.attempts + 1
    tried = replace(mirror, attempts=attempts, code=failure.code, error=failure.text)
    if attempts >= failure.max_attempts:
        return replace(blob, mirror=replace(tried, status=FAILED, next_attempt_at=None))
    following = clock() + timedelta(seconds=RETRY_DELAYS[attempts - 1])
    return replace(blob, mirror=replace(tried, next_attempt_at=format_timestamp(following)))


def _mirror(blob: Blob) -> Mirror:
    assert blob.mirror is not None, "the blob has a wish"
    return blob.mirror


def _check_response(response: GuardedStream) -> None:
    """Raises MirrorFailed if the response has no file, or a compressed one, which could be much larger than its limit.

    The request accepts only the encoding `identity`.
    """
    if response.status != 200:
        raise MirrorFailed(of_status(response.status))
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise refused("content_encoding", "The host sends the file with a content encoding, which was not accepted.")


def _until_time_up(chunks: Iterable[bytes], is_time_up: Callable[[], bool]) -> Iterator[bytes]:
    for chunk in chunks:
        if is_time_up():
            raise TimeUp()
        yield chunk
