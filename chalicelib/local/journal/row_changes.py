"""The entries of the journal that say which rows a request has written.

To put a row takes 0.03 ms when the journal is replayed. To perform an update or a transaction again takes up to 8 ms,
because moto parses and validates its expressions. So such a request is saved as the BatchWriteItem that has the same
effect: it puts the rows as they are after the request, and deletes those that the request has deleted. A small change
of a large row is saved as it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from chalicelib.local.journal.journal import JournalEntry
from chalicelib.local.moto import rows

# BatchWriteItem has at most 25 actions, and a transaction at most 100.
_MAX_ACTIONS = 25
_BATCH = "BatchWriteItem"
# A request for larger rows is saved as it is, unless it is larger itself.
_MAX_ADDED_CHARS = 20_000
# moto removes null members of values, which rows in the journal must not have.
_HAS_NULL = re.compile(r":\s*null\b")


def as_rows(account: str, entry: JournalEntry) -> JournalEntry:
    """Returns the entry of a request that has been performed, with the rows that it has written.

    Returns the entry itself if the rows are much larger than the request.
    """
    service, _, action = entry.target.partition(".")
    steps = list(_steps(action, entry.body))
    if not 0 < len(steps) <= _MAX_ACTIONS or not {step["TableName"] for step in steps} <= set(
        rows.table_names(account)
    ):
        return entry
    requests: dict[str, list[Any]] = {}
    for step in steps:
        requests.setdefault(step["TableName"], []).append(_written(account, step))
    body = json.dumps({"RequestItems": requests}, separators=(",", ":"))
    is_large = len(body) > max(len(entry.body), _MAX_ADDED_CHARS)
    return entry if is_large and not _HAS_NULL.search(entry.body) else JournalEntry(f"{service}.{_BATCH}", body)


def put_rows(account: str, entry: JournalEntry) -> bool:
    """Writes the rows of an entry to moto's memory. Returns False for an entry that does not contain them."""
    action, body = entry.target.partition(".")[2], json.loads(entry.body)
    if action == "PutItem":
        rows.load_row(account, body["TableName"], body["Item"])
    elif action == "DeleteItem":
        rows.remove_row(account, body["TableName"], body["Key"])
    elif action == _BATCH:
        for name, requests in body["RequestItems"].items():
            for request in requests:
                if "PutRequest" in request:
                    rows.load_row(account, name, request["PutRequest"]["Item"])
                else:
                    rows.remove_row(account, name, request["DeleteRequest"]["Key"])
    return action in ("PutItem", "DeleteItem", _BATCH)


def _steps(action: str, body: str) -> Iterator[dict[str, Any]]:
    """Yields the writes of a request whose effect its body does not show. Other requests have none."""
    if action == "UpdateItem" or (action == "PutItem" and _HAS_NULL.search(body)):
        yield json.loads(body)
    elif action == "TransactWriteItems":
        for item in json.loads(body)["TransactItems"]:
            yield from (step for kind, step in item.items() if kind != "ConditionCheck" and step)
    elif action == _BATCH and _HAS_NULL.search(body):
        for name, requests in json.loads(body)["RequestItems"].items():
            for each in requests:
                yield from ({"TableName": name, **step} for step in each.values() if step)


def _written(account: str, step: dict[str, Any]) -> dict[str, Any]:
    """Returns the action of a BatchWriteItem with the effect of a write that has been performed."""
    key = rows.key_of(account, step["TableName"], step.get("Key") or step["Item"])
    row = rows.find_row(account, step["TableName"], key)
    return {"DeleteRequest": {"Key": key}} if row is None else {"PutRequest": {"Item": row}}
