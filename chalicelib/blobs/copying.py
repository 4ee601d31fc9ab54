"""Makes a file of an object the file of another one, with a copy of its bytes: the two do not share a file in S3."""

from __future__ import annotations

from chalicelib.blobs.blob import Blob
from chalicelib.blobs.content import NewBlob


def copied_blob(property_: str, blob: Blob) -> NewBlob:
    """The file for a copy of this file in another object, in the schema field `property_` of the same type.

    A file that is kept by reference stays a URL, and is copied if the original is to be.
    """
    is_stored = blob.key is not None
    return NewBlob(
        property=property_,
        type=blob.type,
        url=None if is_stored else blob.url,
        text=blob.text,
        key_prefix=blob.key_prefix,
        filename=blob.filename,
        mime_type=blob.mime_type,
        hash=blob.hash,
        sha256=blob.sha256,
        copied_key=blob.key,
        copied_bytes=blob.size_bytes if is_stored else None,
        is_mirrored=not is_stored and blob.mirror is not None,
    )
