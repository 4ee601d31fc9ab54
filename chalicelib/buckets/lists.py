"""Lists of buckets: where the rows come from, so that a page costs no more than it must."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from chalicelib.buckets.bucket import Bucket, show, texts
from chalicelib.buckets.store import BucketStore
from chalicelib.foundation import keys
from chalicelib.foundation.cursors import CursorInvalid
from chalicelib.foundation.ids import is_id
from chalicelib.foundation.listing import Kind, ListQuery, Selected, cut, select
from chalicelib.foundation.search import fold
from chalicelib.foundation.sorting import SortKey

if TYPE_CHECKING:
    from chalicelib.buckets.answers import BucketListStats

NEWEST_FIRST = (SortKey("created_at", descending=True),)
# What a row's answer takes beside its settings: names, dates and counters.
SHOWN_BYTES = 1_200
BY_AGE = ("created_at", "bucket_id")
BY_NAME = ("bucket_name",)
MAX_NAME = 100

KIND: Kind[Bucket] = Kind(
    id=lambda bucket: bucket.bucket_id,
    show=show,
    texts=texts,
    size=lambda bucket: bucket.stored_bytes + SHOWN_BYTES,
)


@dataclass(slots=True)
class _Stats:
    """Sums over the buckets that match."""

    buckets: int = 0
    objects: int = 0
    size: int = 0

    def add(self, bucket: Bucket) -> None:
        self.buckets += 1
        self.objects += bucket.tally.object_count
        self.size += bucket.tally.total_size_bytes

    def shown(self) -> BucketListStats:
        over = self.buckets or 1
        return {
            "total_objects": self.objects,
            "total_size_bytes": self.size,
            "avg_objects_per_bucket": self.objects / over,
            "avg_size_per_bucket": self.size / over,
        }


def list_buckets(store: BucketStore, partition: str, query: ListQuery) -> tuple[Selected[Bucket], BucketListStats]:
    """The page of buckets that a query asks for, how many match, and the sums over all that match.

    Without search and filters, in the order of age or name, a page reads only itself and the
    namespace's totals; everything else walks what might match.
    """
    if query.is_plain and _order(query) is not None:
        return _page(store, partition, query)
    stats = _Stats()
    rows = _candidates(store, partition, query)
    selected = select(rows, query, KIND, ordered=_order(query) is not None, seen=stats.add)
    return selected, stats.shown()


def _page(store: BucketStore, partition: str, query: ListQuery) -> tuple[Selected[Bucket], BucketListStats]:
    wanted = query.page.offset + query.page.limit + 1
    after = _position(query)
    if _order(query) in BY_AGE:
        rows = store.walk(partition, descending=_descending(query), after=after, at_most=wanted)
    else:
        ids = store.ids_by_name(partition, descending=_descending(query), after=after, at_most=wanted)
        rows = store.many(partition, ids, at_once=wanted)
    kept = islice(rows, query.page.offset, wanted)
    totals = store.totals(partition)
    stats = _Stats(totals.bucket_count, totals.tally.object_count, totals.tally.total_size_bytes)
    return cut(kept, query, KIND, total=totals.bucket_count), stats.shown()


def _position(query: ListQuery) -> str | None:
    """Where in the key order the cursor stands."""
    if query.after is None:
        return None
    value, bucket_id = query.after
    if not isinstance(value, str) or not isinstance(bucket_id, str) or not is_id(bucket_id, "bkt"):
        raise CursorInvalid()
    if len(value) > MAX_NAME:
        raise CursorInvalid()
    return bucket_id if _order(query) in BY_AGE else keys.name_key(fold(value), bucket_id)


def _candidates(store: BucketStore, partition: str, query: ListQuery) -> Iterator[Bucket]:
    """The rows that may match, in the order asked for where an index has it."""
    ids = _ids(query)
    if ids is not None:
        return store.many(partition, ids)
    prefix, needles = _prefix(query), query.search.needles if query.search else ()
    if _order(query) in BY_NAME:
        found = store.ids_by_name(partition, prefix=prefix, needles=needles, descending=_descending(query))
        return store.many(partition, found)
    if prefix or needles:
        found = store.ids_by_name(partition, prefix=prefix, needles=needles)
        return store.many(partition, sorted(found, reverse=_descending(query)))
    return store.walk(partition, descending=_descending(query))


def _order(query: ListQuery) -> str | None:
    """The field whose order a key already has, if the query asks for no other."""
    if len(query.sorts) != 1:
        return None
    sort = query.sorts[0]
    if sort.field in BY_NAME and sort.case_sensitive:  # the index has folded names
        return None
    return sort.field if sort.field in BY_AGE + BY_NAME else None


def _descending(query: ListQuery) -> bool:
    return query.sorts[0].descending


def _ids(query: ListQuery) -> list[str] | None:
    """The one id that the filter demands, if it does."""
    for leaf in query.filter.required() if query.filter else ():
        if leaf.field == "bucket_id" and leaf.operator == "eq":
            return [fold(leaf.value)] if isinstance(leaf.value, str) and is_id(fold(leaf.value), "bkt") else []
    return None


def _prefix(query: ListQuery) -> str:
    """The beginning that the filter demands of a folded name, if it does."""
    for leaf in query.filter.required() if query.filter else ():
        if leaf.field == "bucket_name" and leaf.operator in ("eq", "starts_with") and isinstance(leaf.value, str):
            return fold(leaf.value)
    return ""
