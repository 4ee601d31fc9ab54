from __future__ import annotations

import itertools
import json
from decimal import Decimal
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.aws.dynamodb.attribute_values import decode, encode
from chalicelib.aws.dynamodb.table import Table
from chalicelib.aws.dynamodb.writes import Put

names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=50)
numbers = st.integers(-(10**38) + 1, 10**38 - 1) | st.floats(-9e125, 9e125).filter(
    lambda number: number == 0 or abs(number) >= 1e-130
)
number_sets = st.frozensets(st.integers(-1000, 1000), min_size=1, max_size=5)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts | number_sets,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
    max_leaves=12,
)
rows = st.dictionaries(names.filter(lambda name: name not in ("pk", "sk", "write_id")), values, max_size=6)
counter = itertools.count()


class Color(StrEnum):
    RED = "red"


def equal(left: Any, right: Any) -> bool:
    """Returns whether two values are equal and of the same types, except that an int may equal a float."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(equal(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(equal, left, right))
    if isinstance(left, float) or isinstance(right, float):
        return float(left) == float(right)
    return type(left) is type(right) and bool(left == right)


def stored(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if value is not None}


@given(rows)
def test_a_row_is_read_as_it_was_written(row: dict[str, Any]) -> None:
    assert equal(decode(encode(row)), stored(row))


@given(rows)
def test_a_row_is_read_from_the_engine_as_it_was_written(table: Table, row: dict[str, Any]) -> None:
    key = {"pk": "row", "sk": str(next(counter))}
    table.write(Put({**key, **row}))
    assert equal(table.get(key), {**key, **stored(row)})


@given(rows)
def test_attribute_values_are_json(row: dict[str, Any]) -> None:
    assert json.loads(json.dumps(encode(row), allow_nan=False)) == encode(row)


def test_attributes_that_are_none_are_not_stored_but_nested_ones_are() -> None:
    assert decode(encode({"gone": None, "kept": [None, {"inner": None}]})) == {"kept": [None, {"inner": None}]}


@pytest.mark.parametrize("text", ["3", "3.0", "3e0", "0.3E+1", "300e-2"])
def test_a_whole_number_is_read_as_an_int_in_any_notation(text: str) -> None:
    number = decode({"n": {"N": text}})["n"]
    assert (number, type(number)) == (3, int)


def test_large_integers_keep_all_digits() -> None:
    assert decode({"n": {"N": "1e+23"}}) == {"n": 10**23}
    assert decode(encode({"n": 10**38 - 1})) == {"n": 10**38 - 1}


def test_true_is_not_encoded_as_a_number() -> None:
    assert encode({"yes": True, "one": 1}) == {"yes": {"BOOL": True}, "one": {"N": "1"}}


def test_members_of_a_string_enumeration_are_encoded_as_strings() -> None:
    assert json.loads(json.dumps(encode({"colour": Color.RED}))) == {"colour": {"S": "red"}}


@pytest.mark.parametrize("value", [b"bytes", {1, 2}, object(), Decimal(1), {1: "name"}, [b"deep"]])
def test_encoding_a_value_of_another_type_is_an_error(value: object) -> None:
    with pytest.raises(TypeError):
        encode({"value": value})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), 1e126, -1e126, 1e-131, 10**38, -(10**38)])
def test_encoding_a_number_that_dynamodb_cannot_store_is_an_error(value: float) -> None:
    with pytest.raises(ValueError, match="DynamoDB numbers"):
        encode({"value": value})


@pytest.mark.parametrize("value", [frozenset(), frozenset({"a"}), frozenset({True}), frozenset({1.5})])
def test_encoding_a_set_that_is_not_of_integers_is_an_error(value: frozenset[Any]) -> None:
    with pytest.raises(ValueError, match="contain"):
        encode({"numbers": value})


def test_decoding_a_set_of_strings_is_an_error() -> None:
    with pytest.raises(TypeError):
        decode({"strings": {"SS": ["a"]}})
