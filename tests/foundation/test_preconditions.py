from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.foundation.preconditions import ANY, read_preconditions

NUMBERS = st.integers(1, 10**6)


def test_without_headers_nothing_is_required() -> None:
    assert read_preconditions({}) == ANY
    assert ANY.holds(1)
    assert not ANY.is_current('"1-0"')


@given(NUMBERS, NUMBERS, NUMBERS)
def test_a_write_minds_the_revision_and_not_the_counters(revision: int, counters: int, later: int) -> None:
    given_ = read_preconditions({"if-match": f'"{revision}-{counters}"'})
    assert given_.holds(revision)
    assert given_.holds(later) is (later == revision)


@given(NUMBERS, NUMBERS)
def test_a_read_minds_revision_and_counters(revision: int, counters: int) -> None:
    given_ = read_preconditions({"if-none-match": f'"{revision}-{counters}"'})
    assert given_.is_current(f'"{revision}-{counters}"')
    assert not given_.is_current(f'"{revision}-{counters + 1}"')
    assert not given_.is_current(f'"{revision + 1}-{counters}"')


@pytest.mark.parametrize("header", ['"3-1", "4-1"', 'W/"4-0"', '"x","4"', "*", " * ", '"3-1"\t,\t"4-1" '])
def test_one_tag_of_several_is_enough(header: str) -> None:
    assert read_preconditions({"if-match": header}).holds(4)


@pytest.mark.parametrize("header", ["", "4-1", "4", '"4-1', "'4-1'", '""', '"5-1"', '"44-1"', '"-4"', "**", '"*"'])
def test_what_names_no_state_of_ours_matches_nothing(header: str) -> None:
    assert not read_preconditions({"if-match": header}).holds(4)
    assert not read_preconditions({"if-none-match": header}).is_current('"4-1"')


def test_a_star_is_any_state() -> None:
    assert read_preconditions({"if-none-match": "*"}).is_current('"1-0"')


@given(st.text(), st.integers(1, 99))
def test_no_header_whatever_does_harm(header: str, revision: int) -> None:
    given_ = read_preconditions({"if-match": header, "if-none-match": header})
    given_.holds(revision)
    given_.is_current(f'"{revision}-0"')
