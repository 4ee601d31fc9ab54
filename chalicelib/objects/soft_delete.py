"""Soft-deletes many objects, with several writes at a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

from chalicelib.aws.retry import OutcomeUnknown
from chalicelib.core.errors import Unavailable
from chalicelib.objects.store import ObjectStore

MAX_CONCURRENT_WRITES = 16


def soft_delete_all(
    store: ObjectStore, partition: str, bucket_id: str, object_ids: Iterable[str], details: Mapping[str, Any], now: str
) -> int:
    """Soft-deletes the objects with these ids and returns how many.

    Ids that do not exist, are soft-deleted already, or are repeated do not count. `details` is stored with each
    object. Raises Unavailable, or OutcomeUnknown if some of the objects were soft-deleted.
    """
    unique_ids = list(dict.fromkeys(object_ids))

    def soft_delete(object_id: str) -> bool:
        return store.soft_delete(partition, bucket_id, object_id, details, now)

    with ThreadPoolExecutor(min(MAX_CONCURRENT_WRITES, len(unique_ids))) as pool:
        # A copy of the context has the usage counter of this request.
        futures = [pool.submit(copy_context().run, soft_delete, object_id) for object_id in unique_ids]
    errors = [error for future in futures if (error := future.exception()) is not None]
    if errors:
        is_partial = any(future.exception() is None and future.result() for future in futures)
        # Unavailable means that nothing was stored, which is not true after a partial success.
        raise (OutcomeUnknown() if is_partial and isinstance(errors[0], Unavailable) else errors[0]) from errors[0]
    return sum(future.result() for future in futures)
