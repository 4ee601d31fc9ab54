"""The item as JSON: what the child process of a Python hook, or a Lambda function, receives."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, BinaryIO

from chalicelib.processing.hook import Item, ItemFile

if TYPE_CHECKING:
    from chalicelib.blobs.blob import Blob
    from chalicelib.objects.stored_object import StoredObject
    from chalicelib.processing.processor import BatchContext

# Returns a stream with the content of the file at this position in `files`.
OpenFile = Callable[[int], BinaryIO]


def item_document(
    stored: StoredObject, context: BatchContext, *, deadline: float, files: Iterable[Mapping[str, Any]]
) -> dict[str, Any]:
    """Returns the item as a JSON object. `deadline` is in seconds since 1970."""
    return {
        "object_id": stored.object_id,
        "bucket_id": context.bucket_id,
        "namespace_id": context.namespace_id,
        "batch_id": context.batch_id,
        "fields": dict(stored.values),
        "metadata": dict(context.metadata),
        "files": list(files),
        "attempt": context.attempt,
        "deadline": deadline,
    }


def file_document(blob: Blob) -> dict[str, Any]:
    """Returns a file of an item as a JSON object."""
    return {
        "blob_id": blob.blob_id,
        "property": blob.property,
        "type": blob.type,
        "mime_type": blob.mime_type,
        "filename": blob.filename,
        "size_bytes": blob.size_bytes,
        "sha256": blob.sha256,
        "url": blob.url if blob.key is None else None,
    }


def to_item(document: Mapping[str, Any], open_file: OpenFile) -> Item:
    """Returns the item in a JSON object that `item_document` returned."""
    files = tuple(_to_file(file, position, open_file) for position, file in enumerate(document["files"]))
    return Item(**{**document, "files": files})


def _to_file(document: Mapping[str, Any], position: int, open_file: OpenFile) -> ItemFile:
    opener = None if document["url"] is not None else lambda: open_file(position)
    return ItemFile(**document, opener=opener)
