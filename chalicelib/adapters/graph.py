"""The graph of buckets that feed other buckets through source adapters. It must not have cycles."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from chalicelib.core.errors import invalid
from chalicelib.schemas.values import Location

# The check for cycles reads each of these buckets, one after another.
MAX_FEEDING_BUCKETS = 20


def find_cycle(
    bucket_id: str,
    sources: Callable[[str], Iterable[str] | None],
    *,
    location: Location = ("body", "source_adapter", "source_bucket_ids"),
) -> list[str] | None:
    """Returns the path from a bucket through its sources back to itself, or None. It starts and ends with `bucket_id`.

    `sources` returns the ids of the buckets that feed a bucket, or None for an unknown bucket. It is called at most
    once per bucket. Cycles that do not contain the bucket are not found. Raises RequestInvalid (`too_many_sources`) if
    more than `MAX_FEEDING_BUCKETS` buckets feed the bucket, directly or through others.
    """
    paths: dict[str, list[str]] = {bucket_id: [bucket_id]}
    waiting = [bucket_id]
    while waiting:
        current = waiting.pop(0)
        for source in sources(current) or ():
            if source == bucket_id:
                return [*paths[current], source]
            if source not in paths:
                if len(paths) > MAX_FEEDING_BUCKETS:
                    message = f"At most {MAX_FEEDING_BUCKETS} buckets may feed a bucket, directly or through others"
                    raise invalid(*location, message=message, type="too_many_sources")
                paths[source] = [*paths[current], source]
                waiting.append(source)
    return None
