"""Texts of dates and times, ordered by instant."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.instants import MAX_TIME_CHARACTERS, instant_key

OFFSETS = st.integers(-23 * 60 - 59, 23 * 60 + 59)
MOMENTS = st.datetimes().map(lambda time: time.replace(microsecond=0))
DECIMALS = st.text("0159", max_size=9)


def instant(time: datetime, offset: int, decimals: str) -> Fraction:
    """The exact number of seconds from the year 1 to a time, also outside of the years that Python knows."""
    whole = (time - datetime.min) // timedelta(seconds=1) - 60 * offset
    return whole + Fraction(int(decimals or 0), 10 ** len(decimals))


def written(time: datetime, offset: int, decimals: str, separator: str = "T") -> str:
    sign, minutes = "-" if offset < 0 else "+", abs(offset)
    fraction = f".{decimals}" if decimals else ""
    return f"{time.isoformat(sep=separator)}{fraction}{sign}{minutes // 60:02}:{minutes % 60:02}"


@given(MOMENTS, OFFSETS, DECIMALS, MOMENTS | st.none(), OFFSETS, DECIMALS)
def test_keys_have_the_order_of_the_instants(
    one: datetime, offset: int, decimals: str, other: datetime | None, other_offset: int, other_decimals: str
) -> None:
    other = other or one
    key, other_key = (
        instant_key(written(one, offset, decimals)),
        instant_key(written(other, other_offset, other_decimals)),
    )
    assert key is not None
    assert other_key is not None
    expected = instant(one, offset, decimals), instant(other, other_offset, other_decimals)
    assert (key < other_key) is (expected[0] < expected[1])
    assert (key == other_key) is (expected[0] == expected[1])


@given(MOMENTS, st.integers(-23, 23), DECIMALS)
def test_all_notations_of_an_instant_have_the_same_key(time: datetime, hours: int, decimals: str) -> None:
    text = written(time, 60 * hours, decimals)
    variants = [text, text.replace("T", " "), text.replace("T", "t"), text.removesuffix(":00"), text + " "]
    assert {instant_key(variant) for variant in variants[:4]} == {instant_key(text)}
    assert instant_key(variants[4]) is None
    if hours == 0:
        assert instant_key(text.replace("+00:00", "Z")) == instant_key(text[: -len("+00:00")]) == instant_key(text)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("2026-01-02", "2026-01-02T00:00:00"),
        ("2026-01-02 10", "2026-01-02T10:00:00"),
        ("2026-01-02T10:30", "2026-01-02T10:30:00"),
        ("2024-06-01T00:30:00+03:00", "2024-05-31T21:30:00"),
        ("2024-05-31T23:00:00-05:00", "2024-06-01T04:00:00"),
        ("2024-01-01T00:00:00.123456789Z", "2024-01-01T00:00:00.123456789"),
        ("2016-12-31T23:59:60Z", "2016-12-31T23:59:60"),
        ("0001-01-01T00:00:00+23:59", "0000-12-31T00:01:00"),
        ("9999-12-31T23:59:59-23:59", "9999-12-31T47:58:59"),
    ],
)
def test_a_key_is_the_time_in_utc(text: str, key: str) -> None:
    assert instant_key(text) == key


@pytest.mark.parametrize(
    "text",
    [
        "", "2026", "20260102", "2026-01", "2026-W01-1", "2026-02-30", "0000-01-01", "2026-01-02x", "2026-01-02T",
        "2026-01-02T24:00:00", "2026-01-02T10:60", "2026-01-02T10:00:00+24:00", "2026-01-02T10:00:00.", "x2026-01-02",
        "2026-01-02\n", "2026-01-0\u0662", "2026-01-02T00:00:00." + "1" * MAX_TIME_CHARACTERS,
    ],
)  # fmt: skip
def test_other_texts_have_no_key(text: str) -> None:
    assert instant_key(text) is None


@given(st.text("0123456789-T: +Z.,", max_size=30))
def test_any_text_has_a_key_or_none(text: str) -> None:
    key = instant_key(text)
    assert key is None or instant_key(key) in (key, None)


@given(st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=-7))])))
def test_python_writes_texts_that_have_keys(time: datetime) -> None:
    assert instant_key(time.isoformat()) == instant_key(time.isoformat(sep=" "))
    assert instant_key(time.isoformat()) is not None
