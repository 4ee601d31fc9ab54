"""Lists of buckets: where the rows come from, so that a page costs no more than it must."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from chalicelib import keys
from chalicelib.buckets.bucket import Bucket, show, texts
from chalicelib.buckets.name_walk import NameWalk, WalkedBucket
from chalicelib.buckets.store import READ_BATCH_SIZE, BucketStore
from chalicelib.core.ids import is_id
from chalicelib.core.text import fold
from chalicelib.listing.cursors import CursorInvalid
from chalicelib.listing.query import ListedResource, ListPage, ListQuery, WalkPosition, select_page, take_page
from chalicelib.listing.sorting import SortKey

if TYPE_CHECKING:
    from chalicelib.buckets.response_models import BucketListStats

NEWEST_FIRST = (SortKey("created_at", descending=True),)
# What a row's answer takes beside its settings: names, dates and counters.
SHOWN_BYTES = 1_200
BY_AGE = ("created_at", "bucket_id")
BY_NAME = ("bucket_name",)

KIND: ListedResource[Bucket] = ListedResource(
    id=lambda bucket: bucket.bucket_id,
    show=show,
    texts=texts,
    size=lambda bucket: bucket.stored_bytes + SHOWN_BYTES,
)


MET: ListedResource[WalkedBucket] = ListedResource(
    id=lambda met: KIND.id(met.bucket),
    show=lambda met: KIND.show(met.bucket),
    texts=lambda met: KIND.texts(met.bucket),
    size=lambda met: KIND.size(met.bucket),
    spot=lambda met: WalkPosition([*keys.read_name_key(met.place)], met.is_passed),
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


def list_buckets(store: BucketStore, partition: str, query: ListQuery) -> tuple[ListPage[Bucket], BucketListStats]:
    """The page of buckets that a query asks for, how many match, and the sums over all that match.

    Without search and filters, in the order of age or name, a page reads only itself and the
    namespace's totals; everything else walks what might match.
    """
    if query.is_plain and _order(query) is not None:
        return _page(store, partition, query)
    stats = _Stats()
    if _order(query) in BY_NAME and _ids(query) is None:
        met = _by_name(store, partition, query)
        return _buckets(
            select_page(met, query, MET, ordered=True, on_match=lambda m: stats.add(m.bucket))
        ), stats.shown()
    rows = _candidates(store, partition, query)
    selected = select_page(rows, query, KIND, ordered=_order(query) is not None, on_match=stats.add)
    return selected, stats.shown()


def _page(store: BucketStore, partition: str, query: ListQuery) -> tuple[ListPage[Bucket], BucketListStats]:
    offset, wanted = query.page.offset, query.page.offset + query.page.limit + 1
    after = _position(query)
    totals = store.totals(partition)
    count = totals.bucket_count
    stats = _Stats(count, totals.tally.object_count, totals.tally.total_size_bytes).shown()
    if offset >= count:
        return ListPage([], None, count), stats
    if _order(query) in BY_NAME:
        met = islice(_by_name(store, partition, query, at_most=wanted), offset, wanted)
        return _buckets(take_page(met, query, MET, total=count)), stats
    rows = store.walk(partition, descending=_descending(query), after=after, at_most=wanted)
    return take_page(islice(rows, offset, wanted), query, KIND, total=count), stats


def _by_name(
    store: BucketStore, partition: str, query: ListQuery, *, at_most: int | None = None
) -> Iterator[WalkedBucket]:
    """The rows that may match in the order of names: with `at_most` those behind the cursor, else all."""
    after, descending = _position(query), _descending(query)
    at_once = min(at_most or READ_BATCH_SIZE, READ_BATCH_SIZE)
    found = store.name_keys(
        partition,
        prefix=_prefix(query),
        needles=_needles(query),
        descending=descending,
        after=after if at_most else None,
        at_most=at_most,
    )
    return NameWalk(lambda ids: store.get_many(partition, ids), descending, after, at_once).meet(found)


def _buckets(selected: ListPage[WalkedBucket]) -> ListPage[Bucket]:
    return ListPage([met.bucket for met in selected.rows], selected.next_cursor, selected.total)


def _position(query: ListQuery) -> str | None:
    """Where in the key order the cursor stands. Raises CursorInvalid where no bucket could stand."""
    if query.after is None:
        return None
    value, bucket_id = query.after
    if not isinstance(value, str) or not isinstance(bucket_id, str) or not is_id(bucket_id, "bkt"):
        raise CursorInvalid()
    place = keys.name_key(fold(value), bucket_id)
    if len(place.encode()) > keys.MAX_SORT_KEY_BYTES:
        raise CursorInvalid()
    return bucket_id if _order(query) in BY_AGE else place


def _candidates(store: BucketStore, partition: str, query: ListQuery) -> Iterator[Bucket]:
    """The rows that may match, in the order of age where that is asked for."""
    ids = _ids(query)
    if ids is not None:
        return store.get_many(partition, ids)
    prefix, needles = _prefix(query), _needles(query)
    if prefix or needles:
        # A set: the index may show a bucket twice that is renamed between two reads of it.
        found = {keys.read_name_key(key)[1] for key in store.name_keys(partition, prefix=prefix, needles=needles)}
        return store.get_many(partition, sorted(found, reverse=_descending(query)))
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


def _needles(query: ListQuery) -> tuple[str, ...]:
    """The pieces that the search demands of a row's folded text."""
    return query.search.needles if query.search else ()


def _prefix(query: ListQuery) -> str:
    """The beginning that the filter demands of a folded name, if it does."""
    for leaf in query.filter.required() if query.filter else ():
        if leaf.field == "bucket_name" and leaf.operator in ("eq", "starts_with") and isinstance(leaf.value, str):
            return fold(leaf.value)
    return ""
