"""Objects to process."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.blobs.blob import Blob
from chalicelib.objects.stored_object import StoredObject
from chalicelib.processing.processor import BatchContext, Processor

CONTEXT = BatchContext("ns_1", "bkt_1", "btch_1", {"campaign_id": "spring"}, attempt=2)
_numbers = itertools.count()


def new_object(*blobs: Blob, **fields: Any) -> StoredObject:
    """Returns an object with these files and fields."""
    created = "2026-01-01T00:00:00.000Z"
    return StoredObject("org_1.ns_1", "bkt_1", "obj_1", fields, blobs, created, created, schema_version=1, epoch=0)


def new_file(name: str = "review", *, size_bytes: int | None = None, **more: Any) -> Blob:
    """Returns a stored file with a key of its own."""
    number = next(_numbers)
    details = {"key": f"blobs/bkt_1/obj_1/{number}", "size_bytes": size_bytes, "mime_type": "text/plain", **more}
    return Blob(f"blob_{number}", name, "text", f"s3://bucket/{number}", **details)


def new_reference(url: str = "https://example.com/m.txt") -> Blob:
    """Returns a file that is kept by reference."""
    return Blob("blob_r", "poster", "image", url)


@dataclass(frozen=True)
class Run:
    """Processes objects with a processor."""

    processor: Processor

    def __call__(self, act: str, *blobs: Blob, **fields: Any) -> Mapping[str, Any]:
        return self.processor.process(new_object(*blobs, act=act, **fields), CONTEXT)
