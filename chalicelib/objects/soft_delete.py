"""Soft-deletes many objects, with several writes at a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from chalicelib.aws.concurrency import run_concurrently
from chalicelib.aws.retry import OutcomeUnknown
from chalicelib.core import log
from chalicelib.core.errors import Unavailable
from chalicelib.objects.store import ObjectStore

MAX_CONCURRENT_WRITES = 16
# CloudWatch Logs limits an event to 256 KB.
MAX_LOGGED_IDS = 1000


def soft_delete_all(
    store: ObjectStore, partition: str, bucket_id: str, object_ids: Iterable[str], details: Mapping[str, Any], now: str
) -> int:
    """Soft-deletes the objects with these ids and returns how many. Logs their ids.

    Ids that do not exist, are soft-deleted already, or are repeated do not count. `details` is stored with each
    object. Raises Unavailable, or OutcomeUnknown if some of the objects were soft-deleted.
    """
    unique_ids = list(dict.fromkeys(object_ids))
    calls = [partial(store.soft_delete, partition, bucket_id, id_, details, now) for id_ in unique_ids]
    futures = run_concurrently(calls, MAX_CONCURRENT_WRITES)
    errors = [error for future in futures if (error := future.exception()) is not None]
    results = zip(unique_ids, futures, strict=True)
    soft_deleted = [object_id for object_id, future in results if future.exception() is None and future.result()]
    for start in range(0, len(soft_deleted), MAX_LOGGED_IDS):
        ids = soft_deleted[start : start + MAX_LOGGED_IDS]
        log.log("objects soft-deleted", bucket=bucket_id, object_ids=ids)
    if errors:
        # Unavailable means that nothing was stored, which is not true after a partial success.
        raise (OutcomeUnknown() if soft_deleted and isinstance(errors[0], Unavailable) else errors[0]) from errors[0]
    return len(soft_deleted)
