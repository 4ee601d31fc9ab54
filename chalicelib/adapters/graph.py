"""Buckets that feed other buckets must not feed themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from chalicelib.core.errors import invalid
from chalicelib.schemas.values import Location

# Each is read on its own, one after the other.
MAX_FEEDING_BUCKETS = 20


def find_cycle(
    bucket_id: str,
    sources: Callable[[str], Iterable[str] | None],
    *,
    location: Location = ("body", "source_adapter", "source_bucket_ids"),
) -> list[str] | None:
    """The way from a bucket through its sources back to itself, or None; the bucket is first and last in it.

    `sources` tells which buckets feed a bucket (None for an unknown one) and is asked at most once per
    bucket. Cycles that leave the bucket aside are not looked for. Raises RequestInvalid (`too_many_sources`)
    when more than `MAX_FEEDING_BUCKETS` buckets feed it, directly or through others.
    """
    ways: dict[str, list[str]] = {bucket_id: [bucket_id]}
    waiting = [bucket_id]
    while waiting:
        current = waiting.pop(0)
        for source in sources(current) or ():
            if source == bucket_id:
                return [*ways[current], source]
            if source not in ways:
                if len(ways) > MAX_FEEDING_BUCKETS:
                    message = f"At most {MAX_FEEDING_BUCKETS} buckets may feed one, others in between included"
                    raise invalid(*location, message=message, type="too_many_sources")
                ways[source] = [*ways[current], source]
                waiting.append(source)
    return None
