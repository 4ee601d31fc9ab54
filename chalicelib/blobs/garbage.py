"""Finds stored files that an object's row no longer refers to, in the records of the objects table's stream."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

# The bucket id and the object id of a row.
RowKey = tuple[str, str]


def unreferenced_keys(records: Iterable[Mapping[str, Any]]) -> dict[RowKey, set[str]]:
    """The S3 keys that the changes in these DynamoDB stream records removed from rows, by row.

    The current row may refer to such a key again: a write is repeated if its response was lost. The caller must
    read the row before it removes the files.
    """
    found: dict[RowKey, set[str]] = {}
    for record in records:
        if keys := _removed_keys(record):
            row_key = record["dynamodb"]["Keys"]
            found.setdefault((row_key["bucket_id"]["S"], row_key["object_id"]["S"]), set()).update(keys)
    return found


def _removed_keys(record: Mapping[str, Any]) -> set[str]:
    """The S3 keys that the row refers to before a change and not after it.

    Empty if either state of the row cannot be read. `admin blobs orphans` finds the files of such a row.
    """
    change = record["dynamodb"]
    before, after = _document(change.get("OldImage")), _document(change.get("NewImage"))
    if before is None or before == after:
        return set()
    try:
        return _keys(before) - (_keys(after) if after is not None else set())
    except (ValueError, KeyError, TypeError, AttributeError):
        return set()


def _document(image: Mapping[str, Any] | None) -> str | None:
    document: str | None = ((image or {}).get("document") or {}).get("S")
    return document


def _keys(document: str) -> set[str]:
    return {blob["key"] for blob in json.loads(document)["blobs"] if blob.get("key")}
