from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.errors import BadRequest
from chalicelib.listing.cursors import MAX_CURSOR_LENGTH, VERSION, CursorInvalid, decode, encode, fingerprint

QUERY = fingerprint("buckets", {"a": 1})
positions = st.lists(
    st.none()
    | st.booleans()
    | st.integers(-(10**37), 10**37)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=50),
    max_size=9,
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


def encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def rejected(text: str, query: str = QUERY) -> CursorInvalid:
    with pytest.raises(CursorInvalid) as caught:
        decode(text, query=query)
    return caught.value


def decoded_or_error(text: str) -> Any:
    try:
        return decode(text, query=QUERY)
    except CursorInvalid:
        return CursorInvalid


@given(positions)
def test_a_decoded_cursor_is_the_encoded_position(position: list[Any]) -> None:
    again = decode(encode(position, query=QUERY), query=QUERY)
    assert again == position
    assert [type(value) for value in again] == [type(value) for value in position]


@given(positions)
def test_a_cursor_needs_no_escaping_in_a_url(position: list[Any]) -> None:
    cursor = encode(position, query=QUERY)
    assert cursor.replace("-", "").replace("_", "").isalnum()
    assert cursor.isascii()


@given(positions)
def test_a_cursor_of_another_query_is_rejected(position: list[Any]) -> None:
    rejected(encode(position, query=QUERY), query=fingerprint("buckets", {"a": 2}))


@given(positions, st.data())
def test_a_truncated_cursor_is_rejected(position: list[Any], data: st.DataObject) -> None:
    cursor = encode(position, query=QUERY)
    rejected(cursor[: data.draw(st.integers(0, len(cursor) - 1))])


@given(st.text())
def test_arbitrary_text_is_rejected(text: str) -> None:
    rejected(text)


@given(st.binary())
def test_arbitrary_bytes_are_rejected(raw: bytes) -> None:
    rejected(encoded(raw))


@given(json_values)
def test_arbitrary_json_is_rejected(value: Any) -> None:
    rejected(encoded(json.dumps(value).encode()))


@given(json_values)
def test_a_forged_position_is_a_list_or_is_rejected(value: Any) -> None:
    found = decoded_or_error(encoded(json.dumps([VERSION, QUERY, value]).encode()))
    assert found is CursorInvalid or isinstance(found, list)
    if not isinstance(value, list):
        assert found is CursorInvalid


@given(positions, st.data())
def test_a_cursor_with_one_changed_character_causes_no_other_error(position: list[Any], data: st.DataObject) -> None:
    cursor = encode(position, query=QUERY)
    index = data.draw(st.integers(0, len(cursor) - 1))
    changed = cursor[:index] + data.draw(st.characters()) + cursor[index + 1 :]
    assert isinstance(decoded_or_error(changed), list | type)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"null",
        b"abc",
        b'"abc"',
        b'{"1": 1, "2": 2, "3": []}',
        b"[NaN, 1, []]",
        b'[1, "%s", [NaN]]' % QUERY.encode(),
        b'[1, "%s", [1e999]]' % QUERY.encode(),
        b'[1, "%s", [-Infinity]]' % QUERY.encode(),
        b'[1, "%s", ["\\ud800"]]' % QUERY.encode(),
        b'[1, "%s", [%s]]' % (QUERY.encode(), b"9" * 5000),
        b'[1, "%s", {}]' % QUERY.encode(),
        b'[1, "%s", null]' % QUERY.encode(),
        b'[1, "%s", "text"]' % QUERY.encode(),
        b'[1, "%s"]' % QUERY.encode(),
        b'[1, "%s", [], []]' % QUERY.encode(),
        b'[2, "%s", []]' % QUERY.encode(),
        b'["1", "%s", []]' % QUERY.encode(),
        b'[1, ["%s"], []]' % QUERY.encode(),
        b'[1, "%s", []] x' % QUERY.encode(),
        b'[1, "%s", ["\xff"]]' % QUERY.encode(),
        b"[" * 5000,
        b"[" * 1000 + b"]" * 1000,
        b'[1, "%s", %s]' % (QUERY.encode(), b"[" * 100 + b"]" * 100),
    ],
)
def test_encoded_garbage_is_rejected(raw: bytes) -> None:
    rejected(encoded(raw))


@pytest.mark.parametrize(
    "text", ["", "=", "a", "a=b", "\x00", "é", "\ud800", " ", "W10 ", "a" * (MAX_CURSOR_LENGTH + 1), "A" * 10**6]
)
def test_unencoded_garbage_is_rejected(text: str) -> None:
    rejected(text)


def test_the_error_has_a_code_of_its_own() -> None:
    error = rejected("garbage")
    assert isinstance(error, BadRequest)
    assert error.code == "cursor_invalid"


def test_a_fingerprint_is_short_and_differs_between_queries() -> None:
    assert fingerprint("a", {"x": 1, "y": 2}) == fingerprint("a", {"y": 2, "x": 1})
    parts: list[tuple[Any, ...]] = [
        (),
        ("a",),
        ("a", None),
        ("a", {}),
        ("a", []),
        ("a", 1),
        ("a", True),
        ("a", "1"),
        (["a"],),
    ]
    assert len({fingerprint(*part) for part in parts}) == len(parts)
    assert all(len(fingerprint(*part)) == 16 for part in parts)


def test_a_fingerprint_is_the_same_in_every_process() -> None:
    assert fingerprint("buckets", None, [["created_at", True]]) == "7b65bb5508ecbde5"
