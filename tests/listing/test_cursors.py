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


def armoured(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def refused(text: str, query: str = QUERY) -> CursorInvalid:
    with pytest.raises(CursorInvalid) as caught:
        decode(text, query=query)
    return caught.value


def decoded_or_refused(text: str) -> Any:
    try:
        return decode(text, query=QUERY)
    except CursorInvalid:
        return CursorInvalid


@given(positions)
def test_a_cursor_read_back_is_the_position(position: list[Any]) -> None:
    again = decode(encode(position, query=QUERY), query=QUERY)
    assert again == position
    assert [type(value) for value in again] == [type(value) for value in position]


@given(positions)
def test_a_cursor_needs_no_escaping_in_a_url(position: list[Any]) -> None:
    cursor = encode(position, query=QUERY)
    assert cursor.replace("-", "").replace("_", "").isalnum()
    assert cursor.isascii()


@given(positions)
def test_another_query_does_not_take_the_cursor(position: list[Any]) -> None:
    refused(encode(position, query=QUERY), query=fingerprint("buckets", {"a": 2}))


@given(positions, st.data())
def test_a_cursor_cut_short_is_refused(position: list[Any], data: st.DataObject) -> None:
    cursor = encode(position, query=QUERY)
    refused(cursor[: data.draw(st.integers(0, len(cursor) - 1))])


@given(st.text())
def test_any_text_is_refused(text: str) -> None:
    refused(text)


@given(st.binary())
def test_any_bytes_are_refused(raw: bytes) -> None:
    refused(armoured(raw))


@given(json_values)
def test_any_json_is_refused(value: Any) -> None:
    refused(armoured(json.dumps(value).encode()))


@given(json_values)
def test_a_made_up_position_is_a_list_or_refused(value: Any) -> None:
    found = decoded_or_refused(armoured(json.dumps([VERSION, QUERY, value]).encode()))
    assert found is CursorInvalid or isinstance(found, list)
    if not isinstance(value, list):
        assert found is CursorInvalid


@given(positions, st.data())
def test_a_cursor_with_one_character_changed_never_breaks_anything(position: list[Any], data: st.DataObject) -> None:
    cursor = encode(position, query=QUERY)
    place = data.draw(st.integers(0, len(cursor) - 1))
    changed = cursor[:place] + data.draw(st.characters()) + cursor[place + 1 :]
    assert isinstance(decoded_or_refused(changed), list | type)


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
def test_garbage_in_the_armour_is_refused(raw: bytes) -> None:
    refused(armoured(raw))


@pytest.mark.parametrize(
    "text", ["", "=", "a", "a=b", "\x00", "é", "\ud800", " ", "W10 ", "a" * (MAX_CURSOR_LENGTH + 1), "A" * 10**6]
)
def test_garbage_without_armour_is_refused(text: str) -> None:
    refused(text)


def test_the_refusal_can_be_told_from_others() -> None:
    refusal = refused("garbage")
    assert isinstance(refusal, BadRequest)
    assert refusal.reason == "cursor_invalid"


def test_a_fingerprint_is_short_and_tells_queries_apart() -> None:
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
