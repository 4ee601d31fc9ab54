"""Rows in plain Python, and as DynamoDB writes them on the wire.

A row is a dict of str, int, float, bool, list and dict. What is written is read back equal, with two
considered differences: a top-level None is not stored at all (an absent attribute stays out of sparse
indexes), and a whole number comes back as an int.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Item = dict[str, Any]
AttributeValue = dict[str, Any]

# What a DynamoDB number can hold. Its least magnitude is 1E-130, its precision 38 digits.
_TOO_LARGE = 1e126
_TOO_SMALL = 1e-130
_TOO_MANY_DIGITS = 10**38


def encode(item: Mapping[str, Any]) -> dict[str, AttributeValue]:
    """A row as it goes over the wire. Raises TypeError or ValueError for what DynamoDB cannot hold."""
    return {name: encode_value(value) for name, value in item.items() if value is not None}


def decode(wire: Mapping[str, AttributeValue]) -> Item:
    """The row that came over the wire."""
    return {name: decode_value(value) for name, value in wire.items()}


def encode_value(value: Any) -> AttributeValue:
    """One value as it goes over the wire; unlike at the top of a row, None is kept."""
    # In the order of how often they are met. bool is an int, so it is asked for first.
    if isinstance(value, str):
        return {"S": value}
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, int | float):
        return {"N": _number(value)}
    if value is None:
        return {"NULL": True}
    if isinstance(value, Mapping):
        return {"M": {_name(name): encode_value(inner) for name, inner in value.items()}}
    if isinstance(value, list | tuple):
        return {"L": [encode_value(inner) for inner in value]}
    raise TypeError(f"DynamoDB rows hold no {type(value).__name__}")


def decode_value(wire: AttributeValue) -> Any:
    """One value that came over the wire."""
    ((kind, value),) = wire.items()
    if kind in ("S", "BOOL"):
        return value
    if kind == "N":
        return _read_number(value)
    if kind == "M":
        return {name: decode_value(inner) for name, inner in value.items()}
    if kind == "L":
        return [decode_value(inner) for inner in value]
    if kind == "NULL":
        return None
    raise TypeError(f"our rows hold no values of the kind {kind}")


def _name(name: Any) -> str:
    if not isinstance(name, str):
        raise TypeError(f"names inside a row are strings, not {type(name).__name__}")
    return name


def _number(value: float) -> str:
    if isinstance(value, int):
        if not -_TOO_MANY_DIGITS < value < _TOO_MANY_DIGITS:
            raise ValueError("DynamoDB numbers hold at most 38 digits")
        return int.__repr__(value)
    if not (value == 0 or _TOO_SMALL <= abs(value) < _TOO_LARGE):  # NaN is neither
        raise ValueError(f"DynamoDB numbers do not reach {value!r}")
    return float.__repr__(value)


def _read_number(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        number = float(text)
    return _whole(text) if number.is_integer() else number


def _whole(text: str) -> int:
    # Engines may spell ten to the 23rd as 1e+23, which no float holds exactly.
    from decimal import Decimal

    return int(Decimal(text))
