"""Tests of the value at a dotted path, and of the keys that lead to it."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.json_path import MISSING, keys_to, value_at

names = st.text("ab.", max_size=3)
values = st.recursive(
    st.integers(0, 9),
    lambda inner: st.dictionaries(names, inner, max_size=3) | st.lists(inner, max_size=2),
    max_leaves=8,
)


@given(st.dictionaries(names, values, max_size=4), st.text("ab.01", max_size=6))
def test_the_keys_to_a_value_lead_to_the_value(row: dict[str, Any], path: str) -> None:
    found, path_keys = value_at(row, path), keys_to(row, path)
    assert (path_keys is None) == (found is MISSING)
    if path_keys is not None:
        assert path.startswith(".".join(path_keys))
        reached: Any = row
        for name in path_keys:
            reached = reached[name]
        rest = path.removeprefix(".".join(path_keys)).removeprefix(".")
        assert reached is found or value_at({"list": reached}, f"list.{rest}") is found
