"""Lists of objects: where the rows come from, so that a page costs no more than it must."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from chalicelib.buckets.bucket import Bucket
from chalicelib.foundation import cursors, sorting
from chalicelib.foundation.cursors import CursorInvalid
from chalicelib.foundation.listing import Kind, ListQuery, Selected, cut, matching, select
from chalicelib.foundation.paging import SortTooLarge
from chalicelib.foundation.sorting import SortKey
from chalicelib.objects.refusals import WalkTooLong
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

KIND: Kind[StoredObject] = Kind(
    id=lambda stored: stored.object_id,
    show=show,
    texts=texts,
    size=lambda stored: 2 * stored.stored_bytes + SHOWN_BYTES,
)


def list_objects(store: ObjectStore, bucket: Bucket, query: ListQuery) -> Selected[StoredObject]:
    """The page of objects that a query asks for, and how many match where `include_total` asks for that.

    Without filter and search, in the order of creation, a page reads only itself. A filter reads at most a
    budget and may give a short page, even an empty one, with a cursor: only a null cursor is the end.
    Raises CursorInvalid, SortTooLarge, WalkTooLong.
    """
    if query.page.offset > MAX_WALKED:
        raise WalkTooLong()
    if not _is_by_age(query):
        return _sorted(store, bucket.bucket_id, query)
    if query.is_plain:
        return _page(store, bucket, query)
    if query.page.include_total or query.page.offset:
        return select(_walk(store, bucket.bucket_id, query), query, KIND, ordered=True)
    return _filtered(store, bucket.bucket_id, query)


def _page(store: ObjectStore, bucket: Bucket, query: ListQuery) -> Selected[StoredObject]:
    page = query.page
    wanted = page.offset + page.limit + 1
    ids = _ids(store, bucket.bucket_id, query, at_most=wanted)
    rows = _visible(store.many(bucket.bucket_id, islice(ids, page.offset, None), at_once=page.limit + 1))
    return cut(rows, query, KIND, total=bucket.tally.object_count)


def _filtered(store: ObjectStore, bucket_id: str, query: ListQuery) -> Selected[StoredObject]:
    rows = _Budget(store.many(bucket_id, _ids(store, bucket_id, query)))
    found = cut(matching(_visible(rows), query, KIND), query, KIND, total=0)
    if found.next_cursor is not None or not rows.is_spent or rows.last is None:
        return found
    position = sorting.position(show(rows.last), query.sorts, rows.last.object_id)
    return Selected(found.rows, cursors.encode(position, query=query.fingerprint), 0)


def _sorted(store: ObjectStore, bucket_id: str, query: ListQuery) -> Selected[StoredObject]:
    rows = _at_most(MAX_WALKED, store.walk(bucket_id), SortTooLarge)
    return select(_visible(rows), query, KIND, ordered=False)


def _walk(store: ObjectStore, bucket_id: str, query: ListQuery) -> Iterator[StoredObject]:
    ids = store.ids_by_age(bucket_id, descending=query.sorts[0].descending)
    return _visible(_at_most(MAX_WALKED, store.many(bucket_id, ids), WalkTooLong))


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


def _is_by_age(query: ListQuery) -> bool:
    return len(query.sorts) == 1 and query.sorts[0].field == "created_at"


def _visible(rows: Iterable[StoredObject]) -> Iterator[StoredObject]:
    return (stored for stored in rows if stored.soft_deleted is None)


def _at_most(
    most: int, rows: Iterable[StoredObject], refused: type[SortTooLarge] | type[WalkTooLong]
) -> Iterator[StoredObject]:
    for count, row in enumerate(rows):
        if count >= most:
            raise refused()
        yield row


class _Budget:
    """Rows until a budget is spent; `last` is the last one given out."""

    def __init__(self, rows: Iterable[StoredObject]) -> None:
        self._rows = rows
        self.last: StoredObject | None = None
        self.is_spent = False

    def __iter__(self) -> Iterator[StoredObject]:
        size = 0
        for count, row in enumerate(self._rows, start=1):
            self.last = row
            size += row.stored_bytes
            yield row
            if count >= BUDGET_ROWS or size >= BUDGET_BYTES:
                self.is_spent = True
                return
