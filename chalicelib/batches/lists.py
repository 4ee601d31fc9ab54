"""Lists of batches, newest first: those of a bucket, or of an organization.

Without a filter, only the rows of the page are read, and the total is a statistic. With one, all batches are read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from chalicelib import keys
from chalicelib.aws.dynamodb.attribute_values import Item
from chalicelib.aws.retry import DeadlineExceeded
from chalicelib.batches.batch import IN_PROGRESS, PENDING
from chalicelib.batches.errors import BatchListTooLong
from chalicelib.batches.service import PREFIX, Batches
from chalicelib.batches.store import Found
from chalicelib.batches.views import size
from chalicelib.buckets.bucket import Bucket
from chalicelib.core.ids import is_id
from chalicelib.core.statuses import TaskStatusEnum
from chalicelib.listing import cursors
from chalicelib.listing.cursors import CursorInvalid
from chalicelib.listing.limits import MAX_PAGE_BYTES

# Other names of these statuses, which a filter may use.
SAME_STATUSES = {PENDING: TaskStatusEnum.QUEUED, IN_PROGRESS: TaskStatusEnum.PROCESSING}


@dataclass(frozen=True, slots=True)
class BatchFilter:
    """Which batches a list contains. None means any. `is_empty`: the filter matches no batch."""

    status: str | None = None
    bucket_id: str | None = None
    namespace_id: str | None = None
    is_empty: bool = False

    def matches(self, found: Found) -> bool:
        """Returns whether a batch is in the list."""
        batch = found.batch
        return (
            not batch.is_removed
            and self.status in (None, batch.status, SAME_STATUSES.get(batch.status))
            and self.bucket_id in (None, batch.bucket_id)
            and self.namespace_id in (None, batch.namespace_id)
        )

    def may_match(self, pointer: Item) -> bool:
        """Returns whether the batch at this place may be in the list. Those of other buckets and namespaces are not."""
        is_in_bucket = self.bucket_id in (None, pointer["bucket_id"])
        return is_in_bucket and self.namespace_id in (None, pointer["namespace_id"])


@dataclass(frozen=True, slots=True)
class Page:
    """The requested page. `scope` identifies the list in its cursors."""

    limit: int
    offset: int
    cursor: str | None
    scope: str

    @property
    def fingerprint(self) -> str:
        """The hash of the list, which its cursors contain."""
        return cursors.fingerprint(self.scope)

    def after(self) -> str | None:
        """Returns the id of the batch after which the page starts. Raises CursorInvalid."""
        if self.cursor is None:
            return None
        position = cursors.decode(self.cursor, query=self.fingerprint)
        if len(position) != 1 or not is_id(position[0], PREFIX):
            raise CursorInvalid()
        return str(position[0])


@dataclass(frozen=True, slots=True)
class BatchPage:
    """The batches of a page, the cursor of the next one, and the number of batches on all pages."""

    rows: list[Found]
    next_cursor: str | None
    total: int


def list_of_bucket(batches: Batches, bucket: Bucket, partition: str, page: Page, wanted: BatchFilter) -> BatchPage:
    """Returns a page of the batches of a bucket. Raises CursorInvalid, BatchListTooLong."""
    if wanted.is_empty:
        return BatchPage([], None, 0)
    rows = keys.batches(partition, bucket.bucket_id)
    if wanted.status is None:
        read = 2 * (page.offset + page.limit + 1)
        found = batches.store.walk(rows, after=page.after(), page_size=read)
        total = bucket.tally.batch_stats["total"]
        return _page(filter(wanted.matches, found), page, total=total)
    return _counted(batches.store.walk(rows), page, wanted)


def list_of_organization(batches: Batches, organization: str, page: Page, wanted: BatchFilter) -> BatchPage:
    """Returns a page of the batches of an organization. Raises CursorInvalid, BatchListTooLong."""
    if wanted.is_empty:
        return BatchPage([], None, 0)
    return _counted(batches.store.walk_organization(organization, wanted.may_match), page, wanted)


def walk_organization(batches: Batches, organization: str, wanted: BatchFilter) -> Iterator[Found]:
    """Yields the batches of an organization that the filter matches, newest first."""
    return filter(wanted.matches, batches.store.walk_organization(organization, wanted.may_match))


def _counted(rows: Iterator[Found], page: Page, wanted: BatchFilter) -> BatchPage:
    """Returns a page, and counts all matching batches."""
    after = page.after()
    total = 0
    kept: list[Found] = []
    try:
        for found in filter(wanted.matches, rows):
            total += 1
            is_before = after is not None and found.batch.batch_id >= after
            if not is_before and len(kept) <= page.offset + page.limit:
                kept.append(found)
    except DeadlineExceeded as error:
        raise BatchListTooLong() from error
    return _page(iter(kept), page, total=total)


def _page(rows: Iterator[Found], page: Page, *, total: int) -> BatchPage:
    chosen: list[Found] = []
    remaining_bytes = MAX_PAGE_BYTES
    for found in islice(rows, page.offset, None):
        remaining_bytes -= size(found.batch)
        if len(chosen) == page.limit or (chosen and remaining_bytes < 0):
            return BatchPage(chosen, cursors.encode([chosen[-1].batch.batch_id], query=page.fingerprint), total)
        chosen.append(found)
    return BatchPage(chosen, None, total)
