"""Soft deletion of many objects: thousands of small writes, several at a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

from chalicelib.objects.store import ObjectStore

AT_ONCE = 16


def hide_all(
    store: ObjectStore, partition: str, bucket_id: str, object_ids: Iterable[str], mark: Mapping[str, Any], now: str
) -> int:
    """How many of the objects were there to be hidden; each is hidden at most once, however often it is named."""
    wanted = list(dict.fromkeys(object_ids))

    def hide(object_id: str) -> bool:
        return store.hide(partition, bucket_id, object_id, mark, now)

    with ThreadPoolExecutor(min(AT_ONCE, len(wanted))) as pool:
        # Each runs in a copy of this context, so that what it costs counts for this request.
        hidden = [pool.submit(copy_context().run, hide, object_id) for object_id in wanted]
        return sum(each.result() for each in hidden)
