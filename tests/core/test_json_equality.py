from __future__ import annotations

import json
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.json_equality import equality_key, json_equal, json_equal_to_any

SCALARS = st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from([0.0, 1.0, 0.5]) | st.text("aA1", max_size=2)
JSON: st.SearchStrategy[Any] = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2)
)


def canonical(value: Any) -> str:
    """Returns the canonical text of a value: keys are sorted, and whole numbers have no fraction."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, list):
        return f"[{','.join(map(canonical, value))}]"
    if isinstance(value, dict):
        return f"{{{','.join(f'{json.dumps(name)}:{canonical(value[name])}' for name in sorted(value))}}}"
    return json.dumps(value)


@given(JSON, JSON)
def test_values_are_equal_if_their_canonical_texts_are_equal(one: Any, other: Any) -> None:
    assert json_equal(one, other) is (canonical(one) == canonical(other))
    assert json_equal_to_any(one, [other, one])
    assert json_equal_to_any(one, [other]) is json_equal(one, other)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (1, True, False),
        (0, False, False),
        ([1], [True], False),
        ({"a": [{"b": 0}]}, {"a": [{"b": False}]}, False),
        (1, 1.0, True),
        ({"a": 1, "b": 2}, {"b": 2.0, "a": 1}, True),
        ("a", "A", False),
        ([], {}, False),
        (None, False, False),
    ],
)
def test_true_differs_from_one_and_integers_equal_floats(one: Any, other: Any, expected: bool) -> None:
    assert json_equal(one, other) is json_equal(other, one) is expected


@given(st.integers() | st.floats(allow_nan=False, allow_infinity=False), st.integers() | st.floats(allow_nan=False))
def test_two_numbers_have_the_same_key_if_they_are_equal(one: float, other: float) -> None:
    assert (equality_key(one) == equality_key(other)) is (one == other)


@pytest.mark.parametrize("shape", [lambda number: number, lambda number: [number], lambda number: {"a": number}])
def test_a_client_cannot_choose_numbers_whose_keys_collide(shape: Any) -> None:
    colliding = [number * sys.hash_info.modulus for number in range(1_000)]
    assert len(set(map(hash, colliding))) == 1
    assert len({hash(equality_key(shape(number))) for number in colliding}) == len(colliding)
