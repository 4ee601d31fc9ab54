"""Lists of the uploads to a bucket. Their statistics are sums over all matches, so each list reads all uploads."""

from __future__ import annotations

from chalicelib.aws.retry import DeadlineExceeded
from chalicelib.core.clock import Clock
from chalicelib.core.ids import is_id
from chalicelib.listing.query import ListedResource, ListPage, ListQuery, select_page
from chalicelib.listing.sorting import SortKey
from chalicelib.uploads.errors import UploadListTooLong
from chalicelib.uploads.store import UploadStore
from chalicelib.uploads.upload import PREFIX, Upload, as_seen, is_gone
from chalicelib.uploads.views import Stats, show, size, texts

NEWEST_FIRST = (SortKey("created_at", descending=True),)
AGE_FIELDS = ("created_at", "upload_id")
LISTED_UPLOADS: ListedResource[Upload] = ListedResource(
    id=lambda upload: upload.upload_id, show=show, texts=texts, size=size
)


def list_uploads(store: UploadStore, rows: str, query: ListQuery, clock: Clock) -> tuple[ListPage[Upload], Stats]:
    """Returns the requested page, and the statistics. Raises CursorInvalid, SortTooLarge, UploadListTooLong."""
    by_age = len(query.sorts) == 1 and query.sorts[0].field in AGE_FIELDS
    now, stats = clock(), Stats()
    walked = store.walk(rows, descending=query.sorts[0].descending if by_age else True)
    seen = (as_seen(upload, now) for upload in walked if not is_gone(upload, now))

    def find(upload_id: str) -> Upload | None:
        found = store.find(rows, upload_id) if is_id(upload_id, PREFIX) else None
        return as_seen(found, now) if found is not None else None

    try:
        return select_page(seen, query, LISTED_UPLOADS, ordered=by_age, on_match=stats.add, find=find), stats
    except DeadlineExceeded as error:
        raise UploadListTooLong() from error
