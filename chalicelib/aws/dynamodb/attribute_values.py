"""Converts rows between plain Python and DynamoDB's attribute values.

A row is a dict whose values are str, int, float, bool, list, dict, frozenset of int, and None. A row that is written
and read again is equal, with two exceptions: attributes that are None are not stored (so that the row is not in sparse
indexes), and floats without a fraction are read as int.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Item = dict[str, Any]
# A value with its type, as in {"S": "text"}.
AttributeValue = dict[str, Any]

# DynamoDB numbers have at most 38 digits and magnitudes from 1E-130 to 9.99E+125.
_TOO_LARGE = 1e126
_TOO_SMALL = 1e-130
_TOO_MANY_DIGITS = 10**38


def encode(item: Mapping[str, Any]) -> dict[str, AttributeValue]:
    """Returns a row as attribute values, without attributes that are None.

    Raises TypeError for values of other types, and ValueError for numbers that DynamoDB cannot store.
    """
    return {name: encode_value(value) for name, value in item.items() if value is not None}


def decode(encoded: Mapping[str, AttributeValue]) -> Item:
    """Returns the row of these attribute values."""
    return {name: decode_value(value) for name, value in encoded.items()}


def encode_value(value: Any) -> AttributeValue:
    """Returns one value as an attribute value. None is encoded as NULL. Raises the same errors as `encode`."""
    # The most frequent types come first. bool is a subclass of int, so it is checked before int.
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
    if isinstance(value, frozenset):
        return {"NS": _numbers(value)}
    raise TypeError(f"DynamoDB rows cannot store values of the type {type(value).__name__}")


def decode_value(encoded: AttributeValue) -> Any:
    """Returns the value of an attribute value. Raises TypeError for binary values and other sets than of numbers."""
    ((kind, value),) = encoded.items()
    if kind in ("S", "BOOL"):
        return value
    if kind == "N":
        return _parse_number(value)
    if kind == "M":
        return {name: decode_value(inner) for name, inner in value.items()}
    if kind == "L":
        return [decode_value(inner) for inner in value]
    if kind == "NULL":
        return None
    if kind == "NS":
        return frozenset(map(_parse_number, value))
    raise TypeError(f"rows cannot have values of the type {kind}")


def _name(name: Any) -> str:
    if not isinstance(name, str):
        raise TypeError(f"keys inside a row must be strings, not {type(name).__name__}")
    return name


def _numbers(values: frozenset[Any]) -> list[str]:
    if not values or any(type(value) is not int for value in values):
        raise ValueError("DynamoDB sets contain at least one value, and the sets of this service contain integers")
    return [_number(value) for value in sorted(values)]


def _number(value: float) -> str:
    if isinstance(value, int):
        if not -_TOO_MANY_DIGITS < value < _TOO_MANY_DIGITS:
            raise ValueError("DynamoDB numbers hold at most 38 digits")
        return int.__repr__(value)
    if not (value == 0 or _TOO_SMALL <= abs(value) < _TOO_LARGE):  # also true for NaN
        raise ValueError(f"DynamoDB numbers cannot represent {value!r}")
    return float.__repr__(value)


def _parse_number(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        number = float(text)
    return _parse_integer(text) if number.is_integer() else number


def _parse_integer(text: str) -> int:
    # An engine may write 10**23 as 1e+23, which a float cannot represent exactly.
    from decimal import Decimal

    return int(Decimal(text))
