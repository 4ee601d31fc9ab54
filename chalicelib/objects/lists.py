"""Lists of objects: where the rows come from, so that a page costs no more than it must."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from math import inf

from chalicelib.aws.retry import DeadlineExceeded
from chalicelib.buckets.bucket import Bucket
from chalicelib.listing import cursors, sorting
from chalicelib.listing.cursors import CursorInvalid
from chalicelib.listing.pagination import SortTooLarge
from chalicelib.listing.query import ListedResource, ListPage, ListQuery, matching, select_page, take_page
from chalicelib.listing.sorting import SortKey
from chalicelib.objects.errors import ReadTooSlow, WalkTooLong
from chalicelib.objects.store import ObjectStore
from chalicelib.objects.stored_object import StoredObject, created_key
from chalicelib.objects.views import show, texts

OLDEST_FIRST = (SortKey("created_at"),)
# What a row's answer takes beside its document: names, dates, and its blobs as they are shown.
SHOWN_BYTES = 1_000
LONGEST_STAMP = 30
LONGEST_ID = 40

# What one page of a filtered list may read before it is given out short, with a cursor.
BUDGET_ROWS = 1_000
BUDGET_BYTES = 16_000_000
# What a list may walk that cannot stop early: to count, to skip by offset, to sort by any field.
MAX_WALKED = 20_000
MAX_WALKED_BYTES = 200_000_000

KIND: ListedResource[StoredObject] = ListedResource(
    id=lambda stored: stored.object_id,
    show=show,
    texts=texts,
    size=lambda stored: 2 * stored.stored_bytes + SHOWN_BYTES,
)


def shown_with(url_bytes: int) -> ListedResource[StoredObject]:
    """How objects are listed when each of their files is shown with a download URL of this length, twice."""
    return replace(KIND, size=lambda stored: KIND.size(stored) + 2 * url_bytes * len(stored.blobs))


def list_objects(
    store: ObjectStore, bucket: Bucket, query: ListQuery, kind: ListedResource[StoredObject] = KIND
) -> ListPage[StoredObject]:
    """The page of objects that a query asks for, and how many match where `include_total` asks for that.

    Without filter and search, in the order of creation, a page reads only itself. A filter reads at most a
    budget and may give a short page, even an empty one, with a cursor: only a null cursor is the end. A page
    ends early too when the request has used up its time.
    Raises CursorInvalid, SortTooLarge, WalkTooLong, and Unavailable where the time did not suffice for any row, or
    for all where all are needed.
    """
    if query.page.offset > MAX_WALKED:
        raise _walk_too_long()
    if not is_by_age(query):
        return _sorted(store, bucket, query, kind)
    if query.is_plain:
        return _page(store, bucket, query, kind)
    if query.page.include_total or query.page.offset:
        return select_page(_walk(store, bucket, query), query, kind, ordered=True)
    return _filtered(store, bucket.bucket_id, query, kind)


def _page(
    store: ObjectStore, bucket: Bucket, query: ListQuery, kind: ListedResource[StoredObject]
) -> ListPage[StoredObject]:
    page = query.page
    wanted = page.limit + 1
    ids = islice(_ids(store, bucket.bucket_id, query, at_most=page.offset + wanted), page.offset, None)
    rows = _Budget(store.many(bucket.bucket_id, ids, wanted=wanted))
    return _gone_on(rows, take_page(_visible(rows), query, kind, total=bucket.tally.object_count), query)


def _filtered(
    store: ObjectStore, bucket_id: str, query: ListQuery, kind: ListedResource[StoredObject]
) -> ListPage[StoredObject]:
    found = store.many(bucket_id, _ids(store, bucket_id, query, at_most=BUDGET_ROWS))
    rows = _Budget(found, rows=BUDGET_ROWS, size=BUDGET_BYTES)
    return _gone_on(rows, take_page(matching(_visible(rows), query, kind), query, kind, total=0), query)


def _gone_on(rows: _Budget, found: ListPage[StoredObject], query: ListQuery) -> ListPage[StoredObject]:
    """What was found, and where its rows ended early, a cursor behind the last one that was read."""
    if found.next_cursor is not None or not rows.is_spent or rows.last is None:
        return found
    position = sorting.position(show(rows.last), query.sorts, rows.last.object_id)
    return ListPage(found.rows, cursors.encode(position, query=query.fingerprint), found.total)


def _sorted(
    store: ObjectStore, bucket: Bucket, query: ListQuery, kind: ListedResource[StoredObject]
) -> ListPage[StoredObject]:
    rows = _whole(store.walk(bucket.bucket_id), bucket, _sort_too_large())
    return select_page(_visible(rows), query, kind, ordered=False)


def _walk(store: ObjectStore, bucket: Bucket, query: ListQuery) -> Iterator[StoredObject]:
    ids = store.ids_by_age(bucket.bucket_id, descending=query.sorts[0].descending)
    return _visible(_whole(store.many(bucket.bucket_id, ids), bucket, _walk_too_long()))


def _ids(store: ObjectStore, bucket_id: str, query: ListQuery, *, at_most: int | None = None) -> Iterator[str]:
    descending = query.sorts[0].descending
    return store.ids_by_age(bucket_id, descending=descending, after=_position(query), at_most=at_most)


def _position(query: ListQuery) -> str | None:
    """Where in the order of creation the cursor stands."""
    if query.after is None:
        return None
    created_at, object_id = query.after
    if not isinstance(created_at, str) or not isinstance(object_id, str):
        raise CursorInvalid()
    if len(created_at) > LONGEST_STAMP or len(object_id) > LONGEST_ID:
        raise CursorInvalid()
    return created_key(created_at, object_id)


def is_by_age(query: ListQuery) -> bool:
    """Whether the order of creation is asked for, which an index has."""
    return len(query.sorts) == 1 and query.sorts[0].field == "created_at"


def _visible(rows: Iterable[StoredObject]) -> Iterator[StoredObject]:
    return (stored for stored in rows if stored.soft_deleted is None)


def _whole(rows: Iterable[StoredObject], bucket: Bucket, refusal: SortTooLarge | WalkTooLong) -> Iterator[StoredObject]:
    """All rows; raises the refusal where that is more than one request may read.

    Where the time ran out first, the bucket's statistics and the rows read so far say whether it would have been.
    """
    count = size = 0
    try:
        for row in rows:
            count, size = count + 1, size + row.stored_bytes
            if _is_too_much(count, size):
                raise refusal
            yield row
    except DeadlineExceeded as error:
        expected = max(count, bucket.tally.object_count)
        if _is_too_much(expected, size * expected // max(count, 1)):
            raise refusal from error
        raise ReadTooSlow(details=refusal.details) from error


def _is_too_much(count: int, size: int) -> bool:
    return count > MAX_WALKED or size > MAX_WALKED_BYTES


def _walk_too_long() -> WalkTooLong:
    return WalkTooLong(_limits())


def _sort_too_large() -> SortTooLarge:
    message = "The bucket is too large to be sorted by this field; sort by created_at alone, or leave out sort"
    return SortTooLarge(message, details={"parameters": ["sort"], **_limits()})


def _limits() -> dict[str, int]:
    return {"max_objects": MAX_WALKED, "max_bytes": MAX_WALKED_BYTES}


class _Budget:
    """Rows until a budget is spent, or the time of the request; `last` is the last one given out.

    Raises DeadlineExceeded where the time did not suffice for any.
    """

    def __init__(self, found: Iterable[StoredObject], *, rows: float = inf, size: float = inf) -> None:
        self._found = found
        self._rows, self._size = rows, size
        self.last: StoredObject | None = None
        self.is_spent = False

    def __iter__(self) -> Iterator[StoredObject]:
        size = 0
        try:
            for count, row in enumerate(self._found, start=1):
                self.last = row
                size += row.stored_bytes
                yield row
                if count >= self._rows or size >= self._size:
                    self.is_spent = True
                    return
        except DeadlineExceeded:
            if self.last is None:
                raise
            self.is_spent = True
