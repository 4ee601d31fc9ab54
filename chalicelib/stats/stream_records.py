"""Converts stream records, in the form in which Lambda delivers them, to changes of the statistics.

Only the attributes that the statistics need are decoded, because objects may have large fields.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib import keys
from chalicelib.aws.dynamodb.attribute_values import AttributeValue, decode_value
from chalicelib.stats.tally_row import ObjectTotals

Record = Mapping[str, Any]
Image = Mapping[str, AttributeValue]

FAILED = "FAILED"
# Sequence numbers have at most 40 digits (DynamoDB Streams API, StreamRecord). Padded with zeros, their order as
# strings is their order as numbers.
SEQUENCE_DIGITS = 40


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one member adds to the totals: an object to those of its bucket, or a bucket to those of its namespace.

    `epoch`: the epoch whose totals include it. `size`: the size of an object in bytes; None for a bucket.
    """

    epoch: int
    totals: ObjectTotals
    last_upload_at: str | None
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """The change in a stream record: the contribution of a member before and after it, or None if it is not counted.

    `ns` is the partition of the namespace. If `bucket_id` is set, `member` is an object of that bucket. If it is
    None, `member` is a bucket whose tally changed, which changes the totals of the namespace.
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


class InvalidRow(ValueError):
    """An attribute that the statistics need is missing from a row, or has the wrong type."""


def sequence_of(record: Record) -> str:
    """The sequence number of the record in its shard, padded so that it sorts as a string."""
    number: str = record["dynamodb"]["SequenceNumber"]
    return number.zfill(SEQUENCE_DIGITS)


def read_object_change(record: Record, shard: str) -> Change | UnreadableRecord:
    """The change in a record of the objects table."""
    old, new = _images(record)
    row_keys = record["dynamodb"].get("Keys")
    try:
        return Change(
            ns=_text(new or old, "ns"),
            bucket_id=_text(row_keys, "bucket_id"),
            member=_text(row_keys, "object_id"),
            before=object_contribution(old),
            after=object_contribution(new),
            shard=shard,
            sequence=sequence_of(record),
        )
    except InvalidRow as error:
        ns = _text_or_none(new, "ns") or _text_or_none(old, "ns")
        return _unreadable(record, shard, ns, _text_or_none(row_keys, "bucket_id"), error)


def read_tally_change(record: Record, shard: str) -> Change | UnreadableRecord | None:
    """The change in a record of the catalog table, or None if the record is not about the tally of a bucket."""
    row_keys = record["dynamodb"].get("Keys")
    partition, bucket_id = (
        _text_or_none(row_keys, "pk"),
        keys.parse_bucket_tally_key(_text_or_none(row_keys, "sk") or ""),
    )
    if partition is None or bucket_id is None:
        return None
    old, new = _images(record)
    try:
        before, after = tally_contribution(old), tally_contribution(new)
    except InvalidRow as error:
        return _unreadable(record, shard, partition, None, error)
    return Change(partition, None, bucket_id, before, after, shard, sequence_of(record))


def needs_extreme_lookup(record: Record) -> bool:
    """Whether the tally of a bucket in this record is due for a lookup of its largest and smallest object."""
    return "looks_due" in (record["dynamodb"].get("NewImage") or {})


def object_contribution(image: Image | None) -> Contribution | None:
    """The contribution of an object. Returns None without an image and for a soft-deleted object.

    Raises InvalidRow if a required attribute is missing or has the wrong type.
    """
    if image is None or "soft_deleted" in image:
        return None
    size = _count(image, "size_bytes")
    totals = ObjectTotals(1, size, int(_text(image, "status") == FAILED))
    return Contribution(_count(image, "epoch"), totals, _text(image, "created_at"), size)


def tally_contribution(image: Image | None) -> Contribution | None:
    """The contribution of a bucket's tally to its namespace. Returns None without an image and without totals in it.

    Raises InvalidRow if an attribute is missing or has the wrong type.
    """
    if image is None or "object_count" not in image:
        return None
    names = ("object_count", "total_size_bytes", "failed_object_count")
    totals = ObjectTotals(*(_integer(image, name) for name in names))
    epoch = _count(image, "belongs_to") if "belongs_to" in image else 0
    return Contribution(epoch, totals, _text_or_none(image, "last_upload_at"))


def _unreadable(
    record: Record, shard: str, ns: str | None, bucket_id: str | None, error: InvalidRow
) -> UnreadableRecord:
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


def _images(record: Record) -> tuple[Image | None, Image | None]:
    """The images before and after the change."""
    change = record["dynamodb"]
    return change.get("OldImage") or None, change.get("NewImage") or None


def _text_or_none(image: Any, name: str) -> str | None:
    """The non-empty string in this attribute, or None if there is none."""
    try:
        return _text(image, name)
    except InvalidRow:
        return None


def _text(image: Any, name: str) -> str:
    value = _value(image, name)
    if not isinstance(value, str) or not value:
        raise InvalidRow(f"{name} is not a non-empty string")
    return value


def _count(image: Any, name: str) -> int:
    number = _integer(image, name)
    if number < 0:
        raise InvalidRow(f"{name} is negative")
    return number


def _integer(image: Any, name: str) -> int:
    value = _value(image, name)
    if type(value) is not int:  # isinstance would accept True and False
        raise InvalidRow(f"{name} is not an integer")
    return value


def _value(image: Any, name: str) -> Any:
    try:
        return decode_value(image[name])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InvalidRow(f"{name} cannot be read") from error
