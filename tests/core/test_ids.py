from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.clock import format_timestamp, system_clock
from chalicelib.core.ids import ALPHABET, Ids, is_id

moments = st.datetimes(
    datetime(1970, 1, 2), datetime(9999, 12, 30), timezones=st.sampled_from([UTC, timezone(timedelta(hours=9))])
)
bits = st.integers(0, 2**30 - 1)


def timed(moment: datetime, chance: int) -> str:
    return Ids(lambda: moment, lambda _: chance).timed("bkt")


@given(moments, moments, bits, bits)
def test_ids_sort_as_the_times_they_were_made_at(one: datetime, other: datetime, chance: int, more: int) -> None:
    if format_timestamp(one) < format_timestamp(other):
        assert timed(one, chance) < timed(other, more)


@given(moments, bits, bits)
def test_in_one_millisecond_chance_tells_ids_apart(moment: datetime, chance: int, more: int) -> None:
    one, other = timed(moment, chance), timed(moment.replace(microsecond=moment.microsecond // 1000 * 1000), more)
    assert (one == other) == (chance == more)
    assert one[: len("bkt_") + 10] == other[: len("bkt_") + 10]


@given(moments, bits)
def test_a_timed_id_is_recognised_by_its_prefix_alone(moment: datetime, chance: int) -> None:
    made = timed(moment, chance)
    assert is_id(made, "bkt")
    assert not is_id(made, "ns")
    assert re.fullmatch(f"bkt_[{ALPHABET}]{{16}}", made)


@pytest.mark.parametrize(
    "text", ["", "bkt_", "bkt_" + "0" * 15, "bkt_" + "0" * 17, "bkt_" + "u" * 16, "BKT_" + "0" * 16, None, 7]
)
def test_what_has_another_form_is_no_id(text: object) -> None:
    assert not is_id(text, "bkt")


@given(st.text())
def test_nothing_after_or_before_an_id_is_overlooked(more: str) -> None:
    made = "bkt_" + "0" * 16
    assert is_id(made + more, "bkt") is (more == "")
    assert is_id(more + made, "bkt") is (more == "")


def test_ids_of_chance_are_as_long_as_asked_and_never_the_same() -> None:
    ids = Ids(system_clock)
    made = {ids.random("int", 24) for _ in range(1000)} | {ids.timed("int") for _ in range(100)}
    assert len(made) == 1100
    assert all(re.fullmatch(f"int_[{ALPHABET}]{{16,24}}", id_) for id_ in made)
