"""A file of an object, as its row stores it and as clients receive it."""

from __future__ import annotations

from builtins import property as computed
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from chalicelib.core.record import record
from chalicelib.core.storage_class import StorageClass

if TYPE_CHECKING:
    from chalicelib.blobs.content import NewBlob
    from chalicelib.blobs.mirror import Mirror


@record
class Blob:
    """A file of an object.

    `property` is the schema field that the file belongs to, and `type` that field's type. `key` is the S3 key of the
    content, None for a file that is kept by reference and has only its `url`. `text` repeats the content of a short
    text. `hash` is what clients receive, as `algorithm:hash`; `sha256` is in hex and only set if the service has
    received the content. `storage_class` is the bucket's storage class, None for the standard one. `upload_id` is the
    upload whose file it is: objects that name the same upload share the file. `mirror` says where the copy of a file by
    URL stands; None for a file that is not copied.
    """

    blob_id: str
    property: str
    type: str
    url: str
    key: str | None = None
    key_prefix: str | None = None
    text: str | None = None
    filename: str | None = None
    size_bytes: int | None = None
    mime_type: str | None = None
    hash: str | None = None
    sha256: str | None = None
    storage_class: str | None = None
    upload_id: str | None = None
    mirror: Mirror | None = None

    @computed
    def archived(self) -> bool:
        """Whether the content is archived in S3, so that it must be restored before anyone can read it."""
        return self.key is not None and self.storage_class == StorageClass.ARCHIVE


def stored_blob(
    new: NewBlob,
    *,
    blob_id: str,
    key: str | None,
    url: str,
    storage_class: str | None,
    mirror: Mirror | None = None,
) -> Blob:
    """The blob for a new file: stored under `key` with an s3:// `url`, or kept by reference with no key."""
    return Blob(
        blob_id=blob_id,
        property=new.property,
        type=new.type,
        url=url,
        key=key,
        key_prefix=new.key_prefix,
        text=new.text,
        filename=new.filename,
        size_bytes=new.size_bytes,
        mime_type=new.mime_type,
        hash=new.hash,
        sha256=new.sha256,
        storage_class=storage_class if key is not None else None,
        upload_id=new.upload_id,
        mirror=mirror,
    )


def to_document(blob: Blob) -> dict[str, Any]:
    """The blob as a JSON object for the row, without the members that are None."""
    found = {name: value for name in Blob.__dataclass_fields__ if (value := getattr(blob, name)) is not None}
    return found if blob.mirror is None else {**found, "mirror": blob.mirror.to_document()}


def from_document(document: Mapping[str, Any]) -> Blob:
    """The blob in a JSON object that `to_document` returned."""
    if "mirror" not in document:
        return Blob(**document)
    from chalicelib.blobs.mirror import mirror_from_document

    return Blob(**{**document, "mirror": mirror_from_document(document["mirror"])})


def show_blob(blob: Blob, *, presigned_url: str | None = None) -> dict[str, Any]:
    """The blob as clients receive it. A download URL is in `properties` too, where older clients read it."""
    properties: dict[str, Any] = {"url": blob.url}
    if blob.text is not None:
        properties["text"] = blob.text
    if blob.archived:
        properties["archived"] = True
    if blob.mirror is not None:
        properties["mirror"] = blob.mirror.show()
    if presigned_url is not None:
        properties["presigned_url"] = presigned_url
    return {
        "blob_id": blob.blob_id,
        "property": blob.property,
        "type": blob.type,
        "key_prefix": blob.key_prefix,
        "properties": properties,
        "presigned_url": presigned_url,
        "details": {
            "filename": blob.filename,
            "size_bytes": blob.size_bytes,
            "mime_type": blob.mime_type,
            "hash": blob.hash,
        },
    }
