"""Converts stream records, in the form in which Lambda delivers them, to changes of the statistics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib import keys
from chalicelib.stats.images import (
    Image,
    InvalidRow,
    Record,
    count,
    images_of,
    integer,
    sequence_of,
    text,
    text_or_none,
)
from chalicelib.stats.totals import ZERO_TOTALS, Totals

FAILED = "FAILED"
# What a batch with each status adds to the totals, beside 1 to the number of batches.
BATCH_STATUSES: Mapping[str, Totals] = {
    **dict.fromkeys(("DRAFT", "PENDING", "QUEUED", "IN_PROGRESS", "PROCESSING"), Totals(active_batches=1)),
    **dict.fromkeys(("COMPLETED", "COMPLETED_WITH_ERRORS"), Totals(completed_batches=1)),
    FAILED: Totals(failed_batches=1),
    "CANCELED": ZERO_TOTALS,
}
# The tally of a bucket has checkpoints of the streams of both tables. The embedded engine gives their shards the same
# name, and sequence numbers of different streams must not be compared. Therefore the shards of the catalog's stream
# have this prefix in the tally of a bucket.
CATALOG_SHARD = "catalog/"


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one member adds to the totals: an object or a batch to its bucket's, or a bucket to its namespace's.

    `epoch`: the epoch whose totals include it. `size`: the size of an object in bytes; None for other members.
    """

    epoch: int
    totals: Totals
    last_upload_at: str | None = None
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """The change in a stream record: the contribution of a member before and after it, or None if it is not counted.

    `ns` is the partition of the namespace. If `bucket_id` is set, `member` is the id of an object, or the
    sort key of a batch, of that bucket. If it is None, `member` is a bucket whose tally changed, which changes the
    totals of the namespace.
    """

    ns: str
    bucket_id: str | None
    member: str
    before: Contribution | None
    after: Contribution | None
    shard: str
    sequence: str

    @property
    def has_effect(self) -> bool:
        """Whether the contribution changed."""
        return self.before != self.after


@dataclass(frozen=True, slots=True)
class UnreadableRecord:
    """A record that lacks required data. `ns` and `bucket_id` are None where the record does not contain them."""

    ns: str | None
    bucket_id: str | None
    source: str
    keys: Any
    shard: str
    sequence: str
    reason: str


def read_object_change(record: Record, shard: str) -> Change | UnreadableRecord:
    """The change in a record of the objects table."""
    old, new = images_of(record)
    row_keys = record["dynamodb"].get("Keys")
    try:
        return Change(
            ns=text(new or old, "ns"),
            bucket_id=text(row_keys, "bucket_id"),
            member=text(row_keys, "object_id"),
            before=object_contribution(old),
            after=object_contribution(new),
            shard=shard,
            sequence=sequence_of(record),
        )
    except InvalidRow as error:
        ns = text_or_none(new, "ns") or text_or_none(old, "ns")
        return unreadable(record, shard, ns, text_or_none(row_keys, "bucket_id"), error)


def read_tally_change(record: Record, shard: str) -> Change | UnreadableRecord | None:
    """The change in a record of the catalog table, or None if the record is not about the tally of a bucket."""
    row_keys = record["dynamodb"].get("Keys")
    partition, bucket_id = (
        text_or_none(row_keys, "pk"),
        keys.parse_bucket_tally_key(text_or_none(row_keys, "sk") or ""),
    )
    if partition is None or bucket_id is None:
        return None
    old, new = images_of(record)
    try:
        before, after = tally_contribution(old), tally_contribution(new)
    except InvalidRow as error:
        return unreadable(record, shard, partition, None, error)
    return Change(partition, None, bucket_id, before, after, shard, sequence_of(record))


def read_batch_change(record: Record, shard: str) -> Change | UnreadableRecord | None:
    """The change in a record of the catalog table, or None if the record is not about a batch."""
    row_keys = record["dynamodb"].get("Keys")
    bucket = keys.parse_batches_partition(text_or_none(row_keys, "pk") or "")
    member = text_or_none(row_keys, "sk") or ""
    if bucket is None or keys.parse_batch_key(member) is None:
        return None
    old, new = images_of(record)
    try:
        before, after = batch_contribution(old), batch_contribution(new)
    except InvalidRow as error:
        return unreadable(record, shard, *bucket, error)
    return Change(*bucket, member, before, after, CATALOG_SHARD + shard, sequence_of(record))


def read_catalog_change(record: Record, shard: str) -> Change | UnreadableRecord | None:
    """The change in a record of the catalog table, or None if the record is about neither a tally nor a batch."""
    return read_tally_change(record, shard) or read_batch_change(record, shard)


def needs_extreme_lookup(record: Record) -> bool:
    """Whether the tally of a bucket in this record is due for a lookup of its largest and smallest object."""
    return "looks_due" in (record["dynamodb"].get("NewImage") or {})


def object_contribution(image: Image | None) -> Contribution | None:
    """The contribution of an object. Returns None without an image and for a soft-deleted object.

    Raises InvalidRow if a required attribute is missing or has the wrong type.
    """
    if image is None or "soft_deleted" in image:
        return None
    size = count(image, "size_bytes")
    totals = Totals(1, size, int(text(image, "status") == FAILED))
    return Contribution(count(image, "epoch"), totals, text(image, "created_at"), size)


def tally_contribution(image: Image | None) -> Contribution | None:
    """The contribution of a bucket's tally to its namespace. Batches are not part of it.

    Returns None without an image, without totals in it, and for a bucket that never had objects: the tally of such a
    bucket exists because of its batches.

    Raises InvalidRow if an attribute is missing or has the wrong type.
    """
    if image is None or "object_count" not in image:
        return None
    names = ("object_count", "total_size_bytes", "failed_object_count")
    totals = Totals(*(integer(image, name) for name in names))
    epoch = count(image, "belongs_to") if "belongs_to" in image else 0
    last_upload_at = text_or_none(image, "last_upload_at")
    if totals == ZERO_TOTALS and last_upload_at is None:
        return None
    return Contribution(epoch, totals, last_upload_at)


def batch_contribution(image: Image | None) -> Contribution | None:
    """The contribution of a batch to its bucket. Returns None without an image and for a batch that is being removed.

    Raises InvalidRow if a required attribute is missing or has the wrong type, and for an unknown status.
    """
    if image is None or "is_removed" in image:
        return None
    status = text(image, "status")
    if status not in BATCH_STATUSES:
        raise InvalidRow("status is not that of a batch")
    return Contribution(count(image, "stats_epoch"), BATCH_STATUSES[status].plus(Totals(batches=1)))


def unreadable(
    record: Record, shard: str, ns: str | None, bucket_id: str | None, error: InvalidRow
) -> UnreadableRecord:
    """The description of a record that cannot be read because of an error."""
    change = record["dynamodb"]
    return UnreadableRecord(
        ns,
        bucket_id,
        source=record.get("eventSourceARN", ""),
        keys=change.get("Keys"),
        shard=shard,
        sequence=change["SequenceNumber"],
        reason=str(error),
    )
