from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.clock import format_timestamp, system_clock
from chalicelib.core.ids import ALPHABET, Ids, id_of_digest, is_id, is_key_part

moments = st.datetimes(
    datetime(1970, 1, 2), datetime(9999, 12, 30), timezones=st.sampled_from([UTC, timezone(timedelta(hours=9))])
)
bits = st.integers(0, 2**30 - 1)


def timed(moment: datetime, random_bits: int) -> str:
    return Ids(lambda: moment, lambda _: random_bits).timed("bkt")


@given(moments, moments, bits, bits)
def test_ids_sort_by_time_of_creation(one: datetime, other: datetime, random_bits: int, more: int) -> None:
    if format_timestamp(one) < format_timestamp(other):
        assert timed(one, random_bits) < timed(other, more)


@given(moments, bits, bits)
def test_ids_of_one_millisecond_differ_by_their_random_part(moment: datetime, random_bits: int, more: int) -> None:
    one, other = timed(moment, random_bits), timed(moment.replace(microsecond=moment.microsecond // 1000 * 1000), more)
    assert (one == other) == (random_bits == more)
    assert one[: len("bkt_") + 10] == other[: len("bkt_") + 10]


@given(moments, bits)
def test_a_time_ordered_id_is_recognized_with_its_own_prefix_only(moment: datetime, random_bits: int) -> None:
    new_id = timed(moment, random_bits)
    assert is_id(new_id, "bkt")
    assert not is_id(new_id, "ns")
    assert re.fullmatch(f"bkt_[{ALPHABET}]{{16}}", new_id)


@pytest.mark.parametrize(
    "text", ["", "bkt_", "bkt_" + "0" * 15, "bkt_" + "0" * 17, "bkt_" + "u" * 16, "BKT_" + "0" * 16, None, 7]
)
def test_text_of_another_format_is_not_an_id(text: object) -> None:
    assert not is_id(text, "bkt")


@given(st.text())
def test_text_with_more_characters_than_an_id_is_not_an_id(more: str) -> None:
    new_id = "bkt_" + "0" * 16
    assert is_id(new_id + more, "bkt") is (more == "")
    assert is_id(more + new_id, "bkt") is (more == "")


def test_random_ids_have_the_requested_length_and_differ() -> None:
    ids = Ids(system_clock)
    generated = {ids.random("int", 24) for _ in range(1000)} | {ids.timed("int") for _ in range(100)}
    assert len(generated) == 1100
    assert all(re.fullmatch(f"int_[{ALPHABET}]{{16,24}}", id_) for id_ in generated)


def test_the_id_of_a_digest_is_made_of_its_first_bits() -> None:
    assert id_of_digest("obj", b"\xff" + bytes(31), 4) == "obj_zw00"
    assert id_of_digest("obj", bytes(31) + b"\xff", 26) == "obj_" + "0" * 26


@pytest.mark.parametrize("text", ["btch_01", "a", "x" * 64])
def test_an_id_can_be_part_of_a_key(text: str) -> None:
    assert is_key_part(text)


@pytest.mark.parametrize("text", ["", "_", "a#b", "a b", "ä", "x" * 65])
def test_another_text_cannot_be_part_of_a_key(text: str) -> None:
    assert not is_key_part(text)
