"""Reads many rows by their keys, with several calls at a time."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from chalicelib.aws.concurrency import run_concurrently
from chalicelib.aws.dynamodb.attribute_values import Item
from chalicelib.aws.dynamodb.table import BATCH_GET_KEYS, Table
from chalicelib.aws.dynamodb.writes import Key

# Each call can return 100 large rows, which the caller may not need.
MAX_CONCURRENT_CALLS = 2


def get_concurrently(table: Table, keys: Sequence[Key]) -> list[Item]:
    """Returns the existing rows of distinct keys, in no particular order. Reads are strongly consistent.

    Each call reads up to BATCH_GET_KEYS rows, and up to MAX_CONCURRENT_CALLS calls run at a time. All of them have
    ended and are counted when the function returns or raises. Raises the error of the first call that failed, which is
    Unavailable if the retries of the call do not succeed.
    """
    chunks = [keys[start : start + BATCH_GET_KEYS] for start in range(0, len(keys), BATCH_GET_KEYS)]
    if len(chunks) <= 1:
        return table.get_many(keys)
    calls = [partial(table.get_many, chunk) for chunk in chunks]
    return [row for future in run_concurrently(calls, MAX_CONCURRENT_CALLS) for row in future.result()]
