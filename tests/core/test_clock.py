from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.clock import format_timestamp, parse_timestamp, system_clock

zones = st.builds(timezone, st.timedeltas(timedelta(hours=-14), timedelta(hours=14)))
moments = st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31), timezones=zones)


@given(moments, moments)
def test_timestamps_have_one_length_and_sort_by_time(one: datetime, other: datetime) -> None:
    first, second = format_timestamp(one), format_timestamp(other)
    assert len(first) == len(second) == len("2026-01-01T00:00:00.000Z")
    assert first.endswith("Z")
    if one <= other:
        assert first <= second


@given(moments)
def test_timestamps_a_millisecond_apart_differ(moment: datetime) -> None:
    assert format_timestamp(moment) < format_timestamp(moment + timedelta(milliseconds=1))


@given(moments)
def test_a_parsed_timestamp_is_the_time_to_the_millisecond(moment: datetime) -> None:
    read = parse_timestamp(format_timestamp(moment))
    assert read.utcoffset() == timedelta(0)
    assert timedelta(0) <= moment - read < timedelta(milliseconds=1)


@given(moments, zones)
def test_a_timestamp_does_not_depend_on_the_time_zone(moment: datetime, zone: timezone) -> None:
    assert format_timestamp(moment.astimezone(zone)) == format_timestamp(moment)


def test_a_naive_datetime_counts_as_utc() -> None:
    assert format_timestamp(datetime(2026, 1, 2, 3, 4, 5)) == "2026-01-02T03:04:05.000Z"
    assert format_timestamp(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)) == "2026-01-02T03:04:05.000Z"


def test_the_system_clock_is_in_utc() -> None:
    assert system_clock().utcoffset() == timedelta(0)
