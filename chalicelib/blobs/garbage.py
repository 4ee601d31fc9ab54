"""Bytes that no row refers to any more, found in the changes of the rows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

Row = tuple[str, str]


def dropped(records: Iterable[Mapping[str, Any]]) -> dict[Row, set[str]]:
    """The keys of bytes that changes of rows dropped, by the bucket and the id of the object."""
    found: dict[Row, set[str]] = {}
    for record in records:
        if keys := unreferenced(record):
            row = record["dynamodb"]["Keys"]
            found.setdefault((row["bucket_id"]["S"], row["object_id"]["S"]), set()).update(keys)
    return found


def unreferenced(record: Mapping[str, Any]) -> set[str]:
    """The keys of the bytes that the row before a change referred to and the row after it does not.

    The record is as a DynamoDB stream tells it. The row of today may refer to such bytes once more, where a
    write whose answer was lost was made again: whoever removes them reads it first. A row that cannot be read,
    before or after, names none: what it leaves behind is found by the listing of orphans.
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
