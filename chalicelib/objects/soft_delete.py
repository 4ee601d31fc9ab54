"""Soft deletion of many objects: thousands of small writes, several at a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

from chalicelib.aws.retry import OutcomeUnknown
from chalicelib.core.errors import Unavailable
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
    failed = [error for each in hidden if (error := each.exception()) is not None]
    if failed:
        some = any(each.exception() is None and each.result() for each in hidden)
        # Some are hidden and some are not: "nothing was stored" would not be true.
        raise (OutcomeUnknown() if some and isinstance(failed[0], Unavailable) else failed[0]) from failed[0]
    return sum(each.result() for each in hidden)
