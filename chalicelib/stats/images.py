"""Reads stream records, in the form in which Lambda delivers them, and the attributes of their images.

Only the attributes that are needed are decoded, because rows may have large fields.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chalicelib.aws.dynamodb.attribute_values import AttributeValue, decode_value

Record = Mapping[str, Any]
Image = Mapping[str, AttributeValue]

# Sequence numbers have at most 40 digits (DynamoDB Streams API, StreamRecord). Padded with zeros, their order as
# strings is their order as numbers.
SEQUENCE_DIGITS = 40


class InvalidRow(ValueError):
    """An attribute that the statistics need is missing from a row, or has the wrong type."""


def sequence_of(record: Record) -> str:
    """The sequence number of the record in its shard, padded so that it sorts as a string."""
    number: str = record["dynamodb"]["SequenceNumber"]
    return number.zfill(SEQUENCE_DIGITS)


def images_of(record: Record) -> tuple[Image | None, Image | None]:
    """The images before and after the change."""
    change = record["dynamodb"]
    return change.get("OldImage") or None, change.get("NewImage") or None


def text_or_none(image: Any, name: str) -> str | None:
    """The non-empty string in this attribute, or None if there is none."""
    try:
        return text(image, name)
    except InvalidRow:
        return None


def text(image: Any, name: str) -> str:
    """The non-empty string in this attribute. Raises InvalidRow if there is none."""
    value = _value(image, name)
    if not isinstance(value, str) or not value:
        raise InvalidRow(f"{name} is not a non-empty string")
    return value


def count(image: Any, name: str) -> int:
    """The integer in this attribute, which is not negative. Raises InvalidRow if there is none."""
    number = integer(image, name)
    if number < 0:
        raise InvalidRow(f"{name} is negative")
    return number


def integer(image: Any, name: str) -> int:
    """The integer in this attribute. Raises InvalidRow if there is none."""
    value = _value(image, name)
    if type(value) is not int:  # isinstance would accept True and False
        raise InvalidRow(f"{name} is not an integer")
    return value


def _value(image: Any, name: str) -> Any:
    try:
        return decode_value(image[name])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InvalidRow(f"{name} cannot be read") from error
