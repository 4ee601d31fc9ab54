"""Finds stored files that an object's row no longer refers to, in the records of the objects table's stream."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from chalicelib.core.ids import TIMED_CHARS

# The number of random characters at the end of the id of a file that an upload has stored.
COPY_CHARS = 10
_COPY = re.compile(rf"blobs/[^/]+/[^/]+/blob_([a-z0-9]{{{TIMED_CHARS}}})[a-z0-9]{{{COPY_CHARS}}}")


class RowKey(NamedTuple):
    """A row of the objects table. `partition` is that of its namespace."""

    partition: str
    bucket_id: str
    object_id: str


class RemovedFile(NamedTuple):
    """A stored file that a row no longer refers to. If an upload has stored it, other objects may share it."""

    key: str
    upload_id: str | None


def unreferenced_files(records: Iterable[Mapping[str, Any]]) -> dict[RowKey, set[RemovedFile]]:
    """The files that the changes in these DynamoDB stream records removed from rows, by row.

    The current row may refer to such a file again: a write is repeated if its response was lost. The caller must
    read the row before it removes the files.
    """
    found: dict[RowKey, set[RemovedFile]] = {}
    for record in records:
        if files := _removed_files(record):
            change = record["dynamodb"]
            key, partition = change["Keys"], change["OldImage"].get("ns") or {"S": ""}
            row = RowKey(partition["S"], key["bucket_id"]["S"], key["object_id"]["S"])
            found.setdefault(row, set()).update(files)
    return found


def upload_of_key(key: str) -> str | None:
    """The id of the upload that has stored the file with this key; None for a file that a request has stored."""
    found = _COPY.fullmatch(key)
    return f"upl_{found[1]}" if found else None


def _removed_files(record: Mapping[str, Any]) -> set[RemovedFile]:
    """The files that the row refers to before a change and not after it.

    Empty if either state of the row cannot be read. `admin blobs orphans` finds the files of such a row, and those that
    an upload has stored, once no other object refers to them.
    """
    change = record["dynamodb"]
    before, after = _document(change.get("OldImage")), _document(change.get("NewImage"))
    if before is None or before == after:
        return set()
    try:
        return _files(before) - (_files(after) if after is not None else set())
    except (ValueError, KeyError, TypeError, AttributeError):
        return set()


def _document(image: Mapping[str, Any] | None) -> str | None:
    document: str | None = ((image or {}).get("document") or {}).get("S")
    return document


def _files(document: str) -> set[RemovedFile]:
    blobs = (blob for blob in json.loads(document)["blobs"] if blob.get("key"))
    # Rows of earlier versions have no `upload_id`.
    return {RemovedFile(blob["key"], blob.get("upload_id") or upload_of_key(blob["key"])) for blob in blobs}
