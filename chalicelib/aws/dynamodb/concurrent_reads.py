"""Reads many rows by their keys, with several calls at a time."""

from __future__ import annotations

from collections.abc import Sequence
from contextvars import copy_context

from chalicelib.aws.dynamodb.attribute_values import Item
from chalicelib.aws.dynamodb.table import BATCH_GET_KEYS, Table
from chalicelib.aws.dynamodb.writes import Key
from chalicelib.aws.usage import Usage, add_usage, track_usage

MAX_CONCURRENT_CALLS = 4


def get_concurrently(table: Table, keys: Sequence[Key]) -> list[Item]:
    """Returns the existing rows of distinct keys, in no particular order. Reads are strongly consistent.

    Each call reads up to BATCH_GET_KEYS rows, and up to MAX_CONCURRENT_CALLS calls run at a time. All of them have
    ended and are counted when the function returns or raises. Raises the error of the first call that failed, which is
    Unavailable if the retries of the call do not succeed.
    """
    calls = [keys[start : start + BATCH_GET_KEYS] for start in range(0, len(keys), BATCH_GET_KEYS)]
    return _concurrent(table, calls) if len(calls) > 1 else table.get_many(keys)


def _concurrent(table: Table, calls: Sequence[Sequence[Key]]) -> list[Item]:
    # Most requests need no threads, so the first of a process does not import this.
    from concurrent.futures import ThreadPoolExecutor

    usages: list[Usage] = []

    def read(keys: Sequence[Key]) -> list[Item]:
        # Threads that count in the same place would lose counts.
        with track_usage() as usage:
            usages.append(usage)
            return table.get_many(keys)

    with ThreadPoolExecutor(MAX_CONCURRENT_CALLS) as pool:
        # A copy of the context has the time limit of this request.
        futures = [pool.submit(copy_context().run, read, keys) for keys in calls]
    for usage in usages:
        add_usage(usage)
    return [row for future in futures for row in future.result()]
