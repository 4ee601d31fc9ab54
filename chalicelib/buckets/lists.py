"""Lists of buckets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from chalicelib import keys
from chalicelib.buckets.bucket import Bucket, FoundBucket, show, texts
from chalicelib.buckets.candidates import Candidates
from chalicelib.buckets.name_walk import NameWalk, WalkedBucket
from chalicelib.buckets.query_fields import BY_AGE, BY_NAME, ids_in, is_descending, order_of
from chalicelib.buckets.rows import READ_BATCH_SIZE, BucketRows
from chalicelib.core.ids import is_id
from chalicelib.core.text import fold
from chalicelib.listing.cursors import CursorInvalid
from chalicelib.listing.query import ListedResource, ListPage, ListQuery, WalkPosition, select_page, take_page
from chalicelib.listing.sorting import SortKey, text_position
from chalicelib.listing.walks import all_rows

if TYPE_CHECKING:
    from chalicelib.buckets.response_models import BucketListStats

NEWEST_FIRST = (SortKey("created_at", descending=True),)
# The size of a bucket's response without its settings: names, dates and counters.
SHOWN_BYTES = 1_200


def _held_bytes(found: FoundBucket) -> int:
    """Returns the bytes of a bucket in memory: large settings are not there until they are needed."""
    return SHOWN_BYTES if found.lacks else found.bucket.stored_bytes + SHOWN_BYTES


LISTED_BUCKETS: ListedResource[FoundBucket] = ListedResource(
    id=lambda found: found.bucket.bucket_id,
    show=lambda found: show(found.bucket),
    texts=lambda found: texts(found.bucket),
    size=lambda found: found.bucket.stored_bytes + SHOWN_BYTES,
    held=_held_bytes,
)


def _listed_by_name(*, descending: bool) -> ListedResource[WalkedBucket]:
    """How buckets are listed in the order of names."""

    def walk_position(walked: WalkedBucket) -> WalkPosition:
        order = text_position(walked.position, descending=descending)
        return WalkPosition([*keys.parse_name_key(walked.position)], walked.is_passed, order)

    return ListedResource(
        id=lambda walked: LISTED_BUCKETS.id(walked.found),
        show=lambda walked: LISTED_BUCKETS.show(walked.found),
        texts=lambda walked: LISTED_BUCKETS.texts(walked.found),
        size=lambda walked: LISTED_BUCKETS.size(walked.found),
        held=lambda walked: _held_bytes(walked.found),
        walk_position=walk_position,
    )


@dataclass(slots=True)
class _Stats:
    """Sums over the matching buckets."""

    buckets: int = 0
    objects: int = 0
    size: int = 0

    def add(self, found: FoundBucket) -> None:
        self.buckets += 1
        self.objects += found.bucket.tally.object_count
        self.size += found.bucket.tally.total_size_bytes

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
    read. Otherwise the rows of all buckets that may match are read, but their settings only if the query needs them.
    Raises CursorInvalid, SortTooLarge, ListTooLong and DeadlineExceeded.
    """
    if query.is_plain and order_of(query) is not None:
        page, stats = _page(stored, partition, query)
    elif order_of(query) in BY_NAME and ids_in(query) is None:
        page, stats = _selected_by_name(stored, partition, query)
    else:
        page, stats = _selected(stored, partition, query)
    # `show` needs all settings of the buckets on the page.
    buckets = list(stored.complete(partition, page.rows))
    return ListPage(buckets, page.next_cursor, page.total), stats.shown()


def _selected(stored: BucketRows, partition: str, query: ListQuery) -> tuple[ListPage[FoundBucket], _Stats]:
    stats = _Stats()
    rows = all_rows(stored.until_deadline(Candidates(stored, partition, query).by_age()))

    def find(bucket_id: str) -> FoundBucket | None:
        bucket = stored.find(partition, bucket_id) if is_id(bucket_id, "bkt") else None
        return FoundBucket(bucket) if bucket is not None else None

    ordered = order_of(query) is not None
    return select_page(rows, query, LISTED_BUCKETS, ordered=ordered, on_match=stats.add, find=find), stats


def _selected_by_name(stored: BucketRows, partition: str, query: ListQuery) -> tuple[ListPage[FoundBucket], _Stats]:
    stats = _Stats()
    rows = all_rows(stored.until_deadline(Candidates(stored, partition, query).by_name(_position(query))))
    page = select_page(
        rows,
        query,
        _listed_by_name(descending=is_descending(query)),
        ordered=False,
        bounded=False,
        on_match=lambda walked: stats.add(walked.found),
    )
    return _found(page), stats


def _page(stored: BucketRows, partition: str, query: ListQuery) -> tuple[ListPage[FoundBucket], _Stats]:
    offset, end = query.page.offset, query.page.offset + query.page.limit + 1
    after, descending = _position(query), is_descending(query)
    totals = stored.totals(partition)
    count = totals.bucket_count
    stats = _Stats(count, totals.tally.object_count, totals.tally.total_size_bytes)
    if offset >= count:
        return ListPage([], None, count), stats
    if order_of(query) in BY_NAME:
        walked = islice(_by_name(stored, partition, after, end, descending=descending), offset, end)
        return _found(take_page(walked, query, _listed_by_name(descending=descending), total=count)), stats
    rows = stored.walk(partition, descending=descending, after=after, at_most=end)
    return take_page(islice(rows, offset, end), query, LISTED_BUCKETS, total=count), stats


def _by_name(
    stored: BucketRows, partition: str, after: str | None, at_most: int, *, descending: bool
) -> Iterator[WalkedBucket]:
    """Yields the buckets after the position `after` in the order of names."""
    found = stored.name_keys(partition, descending=descending, after=after, at_most=at_most)
    batch_size = min(at_most, READ_BATCH_SIZE)

    def read(ids: Sequence[str]) -> Iterator[FoundBucket]:
        return stored.get_many(partition, ids)

    return NameWalk(read, descending, after, batch_size, stored.raise_if_expired).walk(found)


def _found(page: ListPage[WalkedBucket]) -> ListPage[FoundBucket]:
    return ListPage([walked.found for walked in page.rows], page.next_cursor, page.total)


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
    return bucket_id if order_of(query) in BY_AGE else name_key
