"""Computes an object after a file by URL was copied, or could not be. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from chalicelib.blobs.blob import Blob
from chalicelib.blobs.mirror import COMPLETED as MIRROR_COMPLETED
from chalicelib.blobs.mirror import FAILED as MIRROR_FAILED
from chalicelib.blobs.mirror import PENDING as MIRROR_PENDING
from chalicelib.objects.identity import content_hash
from chalicelib.objects.stored_object import PENDING, StoredObject, to_item

FAILED = "FAILED"


def pending_blob(stored: StoredObject, mirror_id: str) -> Blob | None:
    """The file of the object that this wish is to copy; None if the wish has ended or was replaced by another one."""
    for blob in stored.blobs:
        if blob.mirror is not None and blob.mirror.mirror_id == mirror_id:
            return blob if blob.mirror.status == MIRROR_PENDING else None
    return None


def with_blob(old: StoredObject, blob: Blob) -> StoredObject:
    """The object with this blob in the place of the one with the same wish.

    An object that waits to be processed fails with a file that could not be copied.
    """
    assert blob.mirror is not None, "the blob is that of a wish"
    wish = blob.mirror.mirror_id
    blobs = tuple(blob if b.mirror is not None and b.mirror.mirror_id == wish else b for b in old.blobs)
    new = replace(old, blobs=blobs, content_hash=content_hash((b.property, b.sha256) for b in blobs))
    if blob.mirror.status == MIRROR_FAILED and old.status == PENDING:
        return replace(new, status=FAILED, error=failure_text(blob))
    return new


def failure_text(blob: Blob) -> str | None:
    """The error of an object whose file could not be copied; None for another file."""
    if blob.mirror is None or blob.mirror.status != MIRROR_FAILED:
        return None
    return f"The file of {blob.property!r} could not be copied from its URL: {blob.mirror.error}"


def without_replaced_failure(new: StoredObject, replaced: Iterable[Blob]) -> StoredObject:
    """The object after an update replaced files. It waits again if it had only failed because of one of them."""
    if new.status != FAILED or new.error not in set(map(failure_text, replaced)):
        return new
    return with_failure_of_files(replace(new, status=PENDING, error=None))


def with_failure_of_files(new: StoredObject) -> StoredObject:
    """The object that waits to be processed. It has failed if one of its files could not be copied."""
    text = next((text for blob in new.blobs if (text := failure_text(blob)) is not None), None)
    return new if text is None else replace(new, status=FAILED, error=text)


def without_open_wish(blob: Blob) -> Blob:
    """The file for a client that has sent its content: no copy replaces it, and no failed one matters any more."""
    return blob if blob.mirror is None or blob.mirror.status == MIRROR_COMPLETED else replace(blob, mirror=None)


def with_stored_files(old: Iterable[Blob], new: Iterable[Blob]) -> Iterator[Blob]:
    """The new blobs of an object. One whose URL was copied for the same field before keeps the stored file.

    So the file remains readable until the new copy has arrived. A file that is kept as it is stays with its blob.
    """
    given = tuple(new)
    kept = {blob.blob_id for blob in given}
    copies = {
        (blob.property, blob.type, blob.mirror.source_url): blob
        for blob in old
        if blob.key is not None and blob.mirror is not None and blob.blob_id not in kept
    }
    for blob in given:
        waits = blob.key is None and blob.mirror is not None
        earlier = copies.pop((blob.property, blob.type, blob.url), None) if waits else None
        yield blob if earlier is None else replace(earlier, mirror=blob.mirror, key_prefix=blob.key_prefix)


def is_copy_progress(old: StoredObject, current: StoredObject) -> bool:
    """Whether an object differs from its earlier state only in what has become of wishes to copy its files."""
    moved = _moved(old, current)
    if not moved or len(old.blobs) != len(current.blobs) or not all(_is_same_wish(*pair) for pair in moved):
        return False
    if (old.status, old.error) != (current.status, current.error):
        texts = {failure_text(after) for _, after in moved} - {None}
        if current.status != FAILED or current.error not in texts:
            return False
    # Rows are compared, not the objects: in Python True equals 1, in stored JSON text they differ.
    return to_item(_without_copies(old)) == to_item(_without_copies(current))


def is_file_replaced(old: StoredObject, current: StoredObject) -> bool:
    """Whether a stored file has another key after such a progress: a new copy of its URL took its place."""
    return any(before.key is not None and before.key != after.key for before, after in _moved(old, current))


def with_copies_of(new: StoredObject, current: StoredObject) -> StoredObject:
    """The object with the files of its current state."""
    return replace(new, blobs=current.blobs, content_hash=current.content_hash)


def _moved(old: StoredObject, current: StoredObject) -> list[tuple[Blob, Blob]]:
    pairs = zip(old.blobs, current.blobs, strict=False)
    return [(before, after) for before, after in pairs if before != after]


def _is_same_wish(before: Blob, after: Blob) -> bool:
    return before.mirror is not None and after.mirror is not None and before.mirror.mirror_id == after.mirror.mirror_id


def _without_copies(stored: StoredObject) -> StoredObject:
    return replace(
        stored,
        blobs=(),
        content_hash=None,
        status="",
        error=None,
        revision=0,
        updated_at="",
        epoch=0,
        stored_bytes=0,
        escaped_bytes=0,
    )
