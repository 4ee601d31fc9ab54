"""A file of an object, as it is stored and as clients receive it."""

from __future__ import annotations

import json

from chalicelib.blobs.blob import from_document, show_blob, stored_blob, to_document
from tests.support.blobs import PNG_HEADER, encoded, read


def test_a_stored_blob_is_shown_with_its_details() -> None:
    new = read("image", {"base64": encoded(PNG_HEADER), "filename": "a.png"}, key_prefix="/p")
    blob = stored_blob(new, blob_id="blob_1", key="blobs/k", url="s3://b/blobs/k", storage_class="coldline")
    assert from_document(json.loads(json.dumps(to_document(blob)))) == blob
    assert show_blob(blob) == {
        "blob_id": "blob_1",
        "property": "image",
        "type": "image",
        "key_prefix": "/p",
        "properties": {"url": "s3://b/blobs/k"},
        "presigned_url": None,
        "details": {
            "filename": "a.png",
            "size_bytes": len(PNG_HEADER),
            "mime_type": "image/png",
            "hash": f"sha256:{new.sha256}",
        },
    }


def test_a_download_url_is_in_the_blob_and_in_its_properties() -> None:
    blob = stored_blob(read("text", "x"), blob_id="b", key="k", url="s3://b/k", storage_class=None)
    shown = show_blob(blob, presigned_url="https://signed")
    assert shown["presigned_url"] == "https://signed"
    assert shown["properties"] == {"url": "s3://b/k", "text": "x", "presigned_url": "https://signed"}


def test_an_archived_blob_is_shown_as_archived() -> None:
    blob = stored_blob(read("text", "x"), blob_id="b", key="k", url="s3://b/k", storage_class="archive")
    assert show_blob(blob)["properties"]["archived"] is True
    by_url = read("text", "https://example.com/")
    kept = stored_blob(by_url, blob_id="b", key=None, url="https://example.com/", storage_class="archive")
    assert "archived" not in show_blob(kept)["properties"]
