"""Lists the objects of a bucket, and reads as few rows as the query allows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, islice
from math import inf
from typing import Any

from chalicelib.aws.retry import DeadlineExceeded
from chalicelib.buckets.bucket import Bucket
from chalicelib.core.json_codec import escaped_bytes, to_json
from chalicelib.listing import cursors, sorting
from chalicelib.listing.cursors import CursorInvalid
from chalicelib.listing.limits import MAX_PAGE_BYTES
from chalicelib.listing.pagination import PageRequest, SortTooLarge
from chalicelib.listing.query import ListedResource, ListPage, ListQuery, matching, read_list, select_page, take_page
from chalicelib.listing.sorting import SortKey
from chalicelib.objects.errors import ReadTooSlow, WalkTooLong
from chalicelib.objects.nested_fields import nested_fields
from chalicelib.objects.ordered_reading import is_in_order
from chalicelib.objects.page_progress import PageProgress
from chalicelib.objects.read_cost import MAX_FILTERED_ROWS, PROBED_ROWS, Probe
from chalicelib.objects.store import ObjectStore
from chalicelib.objects.stored_object import StoredObject, created_key
from chalicelib.objects.views import searchable_texts, selected, show
from chalicelib.schemas.reserved_names import is_reserved

OLDEST_FIRST = (SortKey("created_at"),)
# The bytes of an object, and of each blob, in a response beside what its document has.
RESPONSE_OVERHEAD_BYTES = 700
BLOB_OVERHEAD_BYTES = 600
# The values in cursors of the service do not exceed these lengths. Other cursors are rejected.
MAX_CURSOR_TIMESTAMP_CHARS = 30
MAX_CURSOR_ID_CHARS = 40

# A page of a filtered list that has read this much, or MAX_FILTERED_ROWS, ends early, with a cursor.
MAX_FILTERED_BYTES = 16_000_000
# The objects of a page of which only some paths are selected.
MAX_SELECTED_BYTES = 12_000_000
# The limits of a list that must read all rows: to count, to skip by offset, or to sort by any field.
MAX_SCANNED_ROWS = 20_000
MAX_SCANNED_BYTES = 200_000_000

LISTED_OBJECTS: ListedResource[StoredObject] = ListedResource(
    id=lambda stored: stored.object_id,
    show=show,
    texts=searchable_texts,
    size=lambda stored: stored.escaped_bytes + RESPONSE_OVERHEAD_BYTES + BLOB_OVERHEAD_BYTES * len(stored.blobs),
    held=lambda stored: stored.stored_bytes,
)


def only_selected(resource: ListedResource[StoredObject], paths: Sequence[str]) -> ListedResource[StoredObject]:
    """How objects are listed of which the response has only these paths."""

    def size(stored: StoredObject) -> int:
        # Paths of blobs may select download URLs, which are not known yet.
        has_blobs = any(path.partition(".")[0] == "blobs" for path in paths)
        if has_blobs:
            return resource.size(stored)
        # The entire object is in memory, so a page may not have much more than it shows.
        least = stored.stored_bytes * MAX_PAGE_BYTES // MAX_SELECTED_BYTES
        return max(least, escaped_bytes(to_json(selected(show(stored), paths))))

    return replace(resource, size=size)


def with_download_urls(url_bytes: int) -> ListedResource[StoredObject]:
    """How objects are listed with download URLs of this length. A blob contains its URL twice."""
    return replace(LISTED_OBJECTS, size=lambda stored: LISTED_OBJECTS.size(stored) + 2 * url_bytes * len(stored.blobs))


def list_objects(
    store: ObjectStore, bucket: Bucket, query: ListQuery, resource: ListedResource[StoredObject] = LISTED_OBJECTS
) -> ListPage[StoredObject]:
    """The page of objects that a query requests, with the number of all matches if `include_total` is set.

    In the order of creation and without filter or search, only the objects of the page are read. With a filter, up
    to MAX_FILTERED_ROWS are read, or all objects if that costs less. So a page can be short or empty and still have a
    cursor; only a null cursor means the end. A page also ends early when the time limit of the request has passed.

    Raises CursorInvalid, SortTooLarge and WalkTooLong. Raises Unavailable if the time limit passes before the first
    row, or before the last one if all rows are needed.
    """
    if query.page.offset > MAX_SCANNED_ROWS:
        raise _walk_too_long()
    resource = _with_nested_fields(resource, bucket)
    if not is_by_creation(query):
        return _sorted(store, bucket, query, resource)
    if query.is_plain:
        return _page(store, bucket, query, resource)
    if query.page.include_total or query.page.offset:
        return _counted(store, bucket, query, resource)
    return _filtered(store, bucket, query, resource)


def walk_matching(store: ObjectStore, bucket: Bucket, filters: Mapping[str, Any]) -> Iterator[StoredObject]:
    """All objects that match a filter, in the order of ids. Strongly consistent.

    Raises RequestInvalid for a malformed filter, and DeadlineExceeded.
    """
    query = read_list(PageRequest(limit=1), {"filters": filters}, default=OLDEST_FIRST, scope="")
    return matching(_visible(store.walk(bucket.bucket_id)), query, _with_nested_fields(LISTED_OBJECTS, bucket))


def _with_nested_fields(resource: ListedResource[StoredObject], bucket: Bucket) -> ListedResource[StoredObject]:
    """The resource whose filters and sorts find declared fields in `metadata` too, if the root has no value.

    Names of the service always mean its own values, also in old schemas that declare them.
    """
    names = {name for name in bucket.schema["properties"] if not is_reserved(name)}

    def show_with_nested(stored: StoredObject) -> dict[str, Any]:
        return {**show(stored), **nested_fields(stored.values, names)}

    return replace(resource, show=show_with_nested)


def _page(
    store: ObjectStore, bucket: Bucket, query: ListQuery, resource: ListedResource[StoredObject]
) -> ListPage[StoredObject]:
    page = query.page
    row_count = page.limit + 1
    ids = islice(_ids(store, bucket.bucket_id, query, at_most=page.offset + row_count), page.offset, None)
    rows = _LimitedRows(store.many(bucket.bucket_id, ids, wanted=row_count))
    return _with_cursor(rows, take_page(_visible(rows), query, resource, total=bucket.tally.object_count), query)


def _filtered(
    store: ObjectStore, bucket: Bucket, query: ListQuery, resource: ListedResource[StoredObject]
) -> ListPage[StoredObject]:
    """The page of a filtered list. Its first rows show which way to read the others costs least."""
    progress = PageProgress(query.page.limit, max_bytes=MAX_FILTERED_BYTES)
    ids = _ids(store, bucket.bucket_id, query, at_most=MAX_FILTERED_ROWS)
    found = progress.counted(store.many(bucket.bucket_id, ids, expected=progress.rows_needed))
    first = _LimitedRows(found, max_rows=PROBED_ROWS, max_bytes=MAX_FILTERED_BYTES)
    matches = list(matching(_visible(first), query, resource))
    if first.count < PROBED_ROWS:
        return _with_cursor(first, take_page(matches, query, resource, total=0), query)
    probe = Probe(first.count, first.size, len(matches), in_order=is_in_order(first.ids))
    object_count = bucket.tally.object_count
    budget = min(probe.bytes_in_order(query.page.limit, object_count), MAX_FILTERED_BYTES)
    if probe.bytes_of_walk(object_count) < budget:
        page = _from_walk(store, bucket.bucket_id, query, resource, max_bytes=budget)
        if page is not None:
            return page
    others = _LimitedRows(found, max_rows=MAX_FILTERED_ROWS - first.count, max_bytes=MAX_FILTERED_BYTES - first.size)
    in_order = chain(matches, matching(_visible(others), query, resource))
    try:
        return _with_cursor(others, take_page(in_order, query, progress.measured(resource), total=0), query)
    except DeadlineExceeded:  # before another row was read
        return _with_cursor(first, take_page(matches, query, resource, total=0), query)


def _from_walk(
    store: ObjectStore,
    bucket_id: str,
    query: ListQuery,
    resource: ListedResource[StoredObject],
    *,
    max_bytes: int,
) -> ListPage[StoredObject] | None:
    """The page, from all rows of the bucket; None if they have more bytes, or cannot be read in time."""
    rows = _LimitedRows(store.walk(bucket_id), max_bytes=max_bytes)
    try:
        page = select_page(_visible(rows), query, resource, ordered=False, bounded=False)
    except DeadlineExceeded:  # before the first row was read
        return None
    return None if rows.ended_early else page


def _with_cursor(rows: _LimitedRows, found: ListPage[StoredObject], query: ListQuery) -> ListPage[StoredObject]:
    """The page. If its rows ended early, its cursor continues after the last row that was read."""
    if found.next_cursor is not None or not rows.ended_early or rows.last is None:
        return found
    position = sorting.position(show(rows.last), query.sorts, rows.last.object_id)
    return ListPage(found.rows, cursors.encode(position, query=query.fingerprint), found.total)


def _sorted(
    store: ObjectStore, bucket: Bucket, query: ListQuery, resource: ListedResource[StoredObject]
) -> ListPage[StoredObject]:
    rows = _all_rows(store.walk(bucket.bucket_id), bucket, _sort_too_large())

    def find(object_id: str) -> StoredObject | None:
        return store.find_any(bucket.bucket_id, object_id)

    return select_page(_visible(rows), query, resource, ordered=False, find=find)


def _counted(
    store: ObjectStore, bucket: Bucket, query: ListQuery, resource: ListedResource[StoredObject]
) -> ListPage[StoredObject]:
    """The page of a list in the order of creation that counts or skips matches, so that it needs all rows."""
    rows = _all_rows(store.walk(bucket.bucket_id), bucket, _walk_too_long())
    return select_page(_visible(rows), query, resource, ordered=False, bounded=False)


def _ids(store: ObjectStore, bucket_id: str, query: ListQuery, *, at_most: int | None = None) -> Iterator[str]:
    descending = query.sorts[0].descending
    return store.ids_by_creation(bucket_id, descending=descending, after=_position(query), at_most=at_most)


def _position(query: ListQuery) -> str | None:
    """The position of the cursor, as a sort key of the index by creation; None without a cursor."""
    if query.after is None:
        return None
    created_at, object_id = query.after
    if not isinstance(created_at, str) or not isinstance(object_id, str):
        raise CursorInvalid()
    if len(created_at) > MAX_CURSOR_TIMESTAMP_CHARS or len(object_id) > MAX_CURSOR_ID_CHARS:
        raise CursorInvalid()
    return created_key(created_at, object_id)


def is_by_creation(query: ListQuery) -> bool:
    """Whether the query sorts by creation time only, for which there is an index."""
    return len(query.sorts) == 1 and query.sorts[0].field == "created_at"


def _visible(rows: Iterable[StoredObject]) -> Iterator[StoredObject]:
    return (stored for stored in rows if stored.soft_deleted is None)


def _all_rows(
    rows: Iterable[StoredObject], bucket: Bucket, error: SortTooLarge | WalkTooLong
) -> Iterator[StoredObject]:
    """All rows. Raises the error if they exceed the limits of one request, at once if the bucket's statistics say so.

    Raises the error too if the time limit passes first and the rest of the rows would exceed the limits, as
    estimated from the bucket's statistics and the rows that were read. Otherwise raises ReadTooSlow.
    """
    if bucket.tally.object_count > MAX_SCANNED_ROWS:
        raise error
    count = size = 0
    try:
        for row in rows:
            count, size = count + 1, size + row.stored_bytes
            if _exceeds_limits(count, size):
                raise error
            yield row
    except DeadlineExceeded as late:
        expected = max(count, bucket.tally.object_count)
        if _exceeds_limits(expected, size * expected // max(count, 1)):
            raise error from late
        raise ReadTooSlow(details=error.details) from late


def _exceeds_limits(count: int, size: int) -> bool:
    return count > MAX_SCANNED_ROWS or size > MAX_SCANNED_BYTES


def _walk_too_long() -> WalkTooLong:
    return WalkTooLong(_limits())


def _sort_too_large() -> SortTooLarge:
    message = "The bucket is too large to be sorted by this field; sort by created_at alone, or leave out sort"
    return SortTooLarge(message, details={"parameters": ["sort"], **_limits()})


def _limits() -> dict[str, int]:
    return {"max_objects": MAX_SCANNED_ROWS, "max_bytes": MAX_SCANNED_BYTES}


class _LimitedRows:
    """Rows up to a limit, or until the time limit of the request has passed.

    `last` is the last row that was read, and `ids` are those of all rows. Raises DeadlineExceeded if the time limit
    passes before the first row.
    """

    def __init__(self, rows: Iterable[StoredObject], *, max_rows: float = inf, max_bytes: float = inf) -> None:
        self._rows = rows
        self._max_rows, self._max_bytes = max_rows, max_bytes
        self.ids: list[str] = []
        self.size = 0
        self.last: StoredObject | None = None
        self.ended_early = False

    @property
    def count(self) -> int:
        """The number of rows that were read."""
        return len(self.ids)

    def __iter__(self) -> Iterator[StoredObject]:
        try:
            for row in self._rows:
                self.last = row
                self.ids.append(row.object_id)
                self.size += row.stored_bytes
                yield row
                if self.count >= self._max_rows or self.size >= self._max_bytes:
                    self.ended_early = True
                    return
        except DeadlineExceeded:
            if self.last is None:
                raise
            self.ended_early = True
