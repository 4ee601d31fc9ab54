"""Lists of buckets. Chooses the rows to read, so that a page reads as few rows as possible."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from chalicelib import keys
from chalicelib.buckets.bucket import Bucket, show, texts
from chalicelib.buckets.name_walk import NameWalk, WalkedBucket
from chalicelib.buckets.rows import READ_BATCH_SIZE, BucketRows
from chalicelib.core.ids import is_id
from chalicelib.core.instants import instant_key
from chalicelib.core.text import fold
from chalicelib.listing.cursors import CursorInvalid
from chalicelib.listing.query import ListedResource, ListPage, ListQuery, WalkPosition, select_page, take_page
from chalicelib.listing.sorting import SortKey

if TYPE_CHECKING:
    from chalicelib.buckets.response_models import BucketListStats

NEWEST_FIRST = (SortKey("created_at", descending=True),)
# The size of a bucket's response without its settings: names, dates and counters.
SHOWN_BYTES = 1_200
BY_AGE = ("created_at", "bucket_id")
BY_NAME = ("bucket_name",)

LISTED_BUCKETS: ListedResource[Bucket] = ListedResource(
    id=lambda bucket: bucket.bucket_id,
    show=show,
    texts=texts,
    size=lambda bucket: bucket.stored_bytes + SHOWN_BYTES,
)


LISTED_WALK: ListedResource[WalkedBucket] = ListedResource(
    id=lambda walked: LISTED_BUCKETS.id(walked.bucket),
    show=lambda walked: LISTED_BUCKETS.show(walked.bucket),
    texts=lambda walked: LISTED_BUCKETS.texts(walked.bucket),
    size=lambda walked: LISTED_BUCKETS.size(walked.bucket),
    walk_position=lambda walked: WalkPosition([*keys.parse_name_key(walked.position)], walked.is_passed),
)


@dataclass(slots=True)
class _Stats:
    """Sums over the matching buckets."""

    buckets: int = 0
    objects: int = 0
    size: int = 0

    def add(self, bucket: Bucket) -> None:
        self.buckets += 1
        self.objects += bucket.tally.object_count
        self.size += bucket.tally.total_size_bytes

    def shown(self) -> BucketListStats:
        divisor = self.buckets or 1
        return {
            "total_objects": self.objects,
            "total_size_bytes": self.size,
            "avg_objects_per_bucket": self.objects / divisor,
            "avg_size_per_bucket": self.size / divisor,
        }


def list_buckets(stored: BucketRows, partition: str, query: ListQuery) -> tuple[ListPage[Bucket], BucketListStats]:
    """Returns the requested page of buckets and the sums over all matching buckets.

    Without search and filters, and sorted by age or name, only the rows of the page and the namespace's totals are
    read. Otherwise all rows that may match are read. Raises CursorInvalid, SortTooLarge and DeadlineExceeded.
    """
    if query.is_plain and _order(query) is not None:
        return _page(stored, partition, query)
    stats = _Stats()
    if _order(query) in BY_NAME and _ids(query) is None:
        rows = stored.until_deadline(_by_name(stored, partition, query))
        page = select_page(rows, query, LISTED_WALK, ordered=True, on_match=lambda row: stats.add(row.bucket))
        return _buckets(page), stats.shown()
    candidates = stored.until_deadline(_candidates(stored, partition, query))
    ordered = _order(query) is not None

    def find(bucket_id: str) -> Bucket | None:
        return stored.find(partition, bucket_id) if is_id(bucket_id, "bkt") else None

    return select_page(candidates, query, LISTED_BUCKETS, ordered=ordered, on_match=stats.add, find=find), stats.shown()


def _page(stored: BucketRows, partition: str, query: ListQuery) -> tuple[ListPage[Bucket], BucketListStats]:
    offset, end = query.page.offset, query.page.offset + query.page.limit + 1
    after = _position(query)
    totals = stored.totals(partition)
    count = totals.bucket_count
    stats = _Stats(count, totals.tally.object_count, totals.tally.total_size_bytes).shown()
    if offset >= count:
        return ListPage([], None, count), stats
    if _order(query) in BY_NAME:
        walked = islice(_by_name(stored, partition, query, at_most=end), offset, end)
        return _buckets(take_page(walked, query, LISTED_WALK, total=count)), stats
    rows = stored.walk(partition, descending=_descending(query), after=after, at_most=end)
    return take_page(islice(rows, offset, end), query, LISTED_BUCKETS, total=count), stats


def _by_name(
    stored: BucketRows, partition: str, query: ListQuery, *, at_most: int | None = None
) -> Iterator[WalkedBucket]:
    """Yields the rows that may match, in the order of names: with `at_most` those after the cursor, otherwise all."""
    after, descending = _position(query), _descending(query)
    batch_size = min(at_most or READ_BATCH_SIZE, READ_BATCH_SIZE)
    found = stored.name_keys(
        partition,
        prefix=_prefix(query),
        needles=_needles(query),
        descending=descending,
        after=after if at_most else None,
        at_most=at_most,
    )
    return NameWalk(lambda ids: stored.get_many(partition, ids), descending, after, batch_size).walk(found)


def _buckets(page: ListPage[WalkedBucket]) -> ListPage[Bucket]:
    return ListPage([walked.bucket for walked in page.rows], page.next_cursor, page.total)


def _position(query: ListQuery) -> str | None:
    """Returns the key of the position in the cursor. Raises CursorInvalid if no bucket can have such a key."""
    if query.after is None:
        return None
    value, bucket_id = query.after
    if not isinstance(value, str) or not isinstance(bucket_id, str) or not is_id(bucket_id, "bkt"):
        raise CursorInvalid()
    name_key = keys.name_key(fold(value), bucket_id)
    if len(name_key.encode()) > keys.MAX_SORT_KEY_BYTES:
        raise CursorInvalid()
    return bucket_id if _order(query) in BY_AGE else name_key


def _candidates(stored: BucketRows, partition: str, query: ListQuery) -> Iterator[Bucket]:
    """Yields the rows that may match, in the order of age if that is requested."""
    ids = _ids(query)
    if ids is not None:
        return stored.get_many(partition, ids)
    prefix, needles = _prefix(query), _needles(query)
    if prefix or needles:
        # A set, because a bucket that is renamed between two reads of the index may be found twice.
        found = {keys.parse_name_key(key)[1] for key in stored.name_keys(partition, prefix=prefix, needles=needles)}
        return stored.get_many(partition, sorted(found, reverse=_descending(query)))
    return stored.walk(partition, descending=_descending(query))


def _order(query: ListQuery) -> str | None:
    """Returns the field to sort by if the rows of a table or index already have that order."""
    if len(query.sorts) != 1:
        return None
    sort = query.sorts[0]
    if sort.field in BY_NAME and sort.case_sensitive:  # the index has case-folded names
        return None
    return sort.field if sort.field in BY_AGE + BY_NAME else None


def _descending(query: ListQuery) -> bool:
    return query.sorts[0].descending


def _ids(query: ListQuery) -> list[str] | None:
    """Returns the only id that can match the filter, an empty list if no id can, or None if the filter names no id."""
    for leaf in query.filter.required() if query.filter else ():
        if leaf.field == "bucket_id" and leaf.operator == "eq":
            return [fold(leaf.value)] if isinstance(leaf.value, str) and is_id(fold(leaf.value), "bkt") else []
    return None


def _needles(query: ListQuery) -> tuple[str, ...]:
    """Returns the pieces that a row's case-folded text must contain to match the search."""
    return query.search.needles if query.search else ()


def _prefix(query: ListQuery) -> str:
    """Returns the prefix of the case-folded name that the filter requires, or an empty text."""
    for leaf in query.filter.required() if query.filter else ():
        if leaf.field != "bucket_name" or not isinstance(leaf.value, str):
            continue
        # A name that equals a time may be another notation of it.
        if leaf.operator == "starts_with" or (leaf.operator == "eq" and instant_key(leaf.value) is None):
            return fold(leaf.value)
    return ""
