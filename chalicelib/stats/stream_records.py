"""Stream records, as Lambda gives them, read into changes of what is counted.

Of an image only what counts is decoded: an object's fields may be large, and nobody here asks for them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib import keys
from chalicelib.aws.dynamodb.attribute_values import Wire, decode_value
from chalicelib.stats.tally_row import ObjectTotals

Record = Mapping[str, Any]
Image = Mapping[str, Wire]

FAILED = "FAILED"
# Sequence numbers have at most 40 digits; with zeros in front their order as texts is that of the numbers.
SEQUENCE_DIGITS = 40


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one member adds to the totals: an object to its bucket's, or a bucket to its namespace's.

    `epoch` says in which count it stands; `size` is an object's, for the extremes.
    """

    epoch: int
    totals: ObjectTotals
    last_upload_at: str | None
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One record, understood: what a member counted for before and after, None where it did not count.

    `ns` is the partition of the namespace. `member` is the object of a bucket, or else the bucket whose
    tally changed, which is a change of the namespace.
    """

    ns: str
    bucket_id: str | None
    member: str
    before: Contribution | None
    after: Contribution | None
    shard: str
    sequence: str

    @property
    def counts(self) -> bool:
        """Whether it changes anything that is counted."""
        return self.before != self.after


@dataclass(frozen=True, slots=True)
class UnreadableRecord:
    """A record that does not say what it must; of which bucket or namespace, where that can be told."""

    ns: str | None
    bucket_id: str | None
    source: str
    keys: Any
    shard: str
    sequence: str
    reason: str


class InvalidRow(ValueError):
    """A row lacks what counts, or has it in another form."""


def sequence_of(record: Record) -> str:
    """The record's place in its shard, in the form that sorts."""
    number: str = record["dynamodb"]["SequenceNumber"]
    return number.zfill(SEQUENCE_DIGITS)


def read_object_change(record: Record, shard: str) -> Change | UnreadableRecord:
    """What a record of the objects table changes."""
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
    except InvalidRow as damage:
        whose = (_found(new, "ns") or _found(old, "ns"), _found(row_keys, "bucket_id"))
        return _unreadable(record, shard, whose, damage)


def read_tally_change(record: Record, shard: str) -> Change | UnreadableRecord | None:
    """What a record of the catalog changes in a namespace's totals; None if it is not of a bucket's tally."""
    row_keys = record["dynamodb"].get("Keys")
    partition, bucket_id = _found(row_keys, "pk"), keys.tallied_bucket(_found(row_keys, "sk") or "")
    if partition is None or bucket_id is None:
        return None
    old, new = _images(record)
    try:
        before, after = tally_contribution(old), tally_contribution(new)
    except InvalidRow as damage:
        return _unreadable(record, shard, (partition, None), damage)
    return Change(partition, None, bucket_id, before, after, shard, sequence_of(record))


def needs_extreme_lookup(record: Record) -> bool:
    """Whether a record of a bucket's tally says that the extremes have to be looked up again."""
    return "looks_due" in (record["dynamodb"].get("NewImage") or {})


def object_contribution(image: Image | None) -> Contribution | None:
    """What an object counts for; nothing when it is not there, or hidden."""
    if image is None or "soft_deleted" in image:
        return None
    size = _count(image, "size_bytes")
    totals = ObjectTotals(1, size, int(_text(image, "status") == FAILED))
    return Contribution(_count(image, "epoch"), totals, _text(image, "created_at"), size)


def tally_contribution(image: Image | None) -> Contribution | None:
    """What a bucket's tally counts for in its namespace; nothing while the row holds no totals."""
    if image is None or "object_count" not in image:
        return None
    totals = ObjectTotals(
        *(_number(image, name) for name in ("object_count", "total_size_bytes", "failed_object_count"))
    )
    epoch = _count(image, "belongs_to") if "belongs_to" in image else 0
    return Contribution(epoch, totals, _found(image, "last_upload_at"))


def _unreadable(
    record: Record, shard: str, whose: tuple[str | None, str | None], damage: InvalidRow
) -> UnreadableRecord:
    told = record["dynamodb"]
    place = {"shard": shard, "sequence": told["SequenceNumber"], "source": record.get("eventSourceARN", "")}
    return UnreadableRecord(*whose, keys=told.get("Keys"), reason=str(damage), **place)


def _images(record: Record) -> tuple[Image | None, Image | None]:
    told = record["dynamodb"]
    return told.get("OldImage") or None, told.get("NewImage") or None


def _found(image: Any, name: str) -> str | None:
    """The text of this name, or None where there is no such text."""
    try:
        return _text(image, name)
    except InvalidRow:
        return None


def _text(image: Any, name: str) -> str:
    value = _value(image, name)
    if not isinstance(value, str) or not value:
        raise InvalidRow(f"{name} is no text")
    return value


def _count(image: Any, name: str) -> int:
    number = _number(image, name)
    if number < 0:
        raise InvalidRow(f"{name} is below zero")
    return number


def _number(image: Any, name: str) -> int:
    value = _value(image, name)
    if type(value) is not int:  # true is an int, too
        raise InvalidRow(f"{name} is no whole number")
    return value


def _value(image: Any, name: str) -> Any:
    try:
        return decode_value(image[name])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InvalidRow(f"{name} cannot be read") from error
