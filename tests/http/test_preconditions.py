"""If-Match and If-None-Match."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.http.preconditions import ANY, read_preconditions

NUMBERS = st.integers(1, 10**6)
IDS = st.from_regex(r"[a-z]{1,3}[a-z0-9_-]{0,6}", fullmatch=True)


def test_without_headers_nothing_is_required() -> None:
    assert read_preconditions({}) == ANY
    assert ANY.holds('"a-1"')
    assert ANY.holds('"a-1-0"', counted=True)
    assert not ANY.is_current('"a-1-0"')


@given(IDS, IDS, NUMBERS, NUMBERS, NUMBERS, NUMBERS)
def test_if_match_compares_id_and_revision_but_not_the_counters(
    id_: str, other: str, revision: int, counters: int, later: int, moved: int
) -> None:
    preconditions = read_preconditions({"if-match": f'"{id_}-{revision}-{counters}"'})
    assert preconditions.holds(f'"{id_}-{revision}-{moved}"', counted=True)
    assert preconditions.holds(f'"{id_}-{later}-{moved}"', counted=True) is (later == revision)
    assert preconditions.holds(f'"{other}-{revision}-{moved}"', counted=True) is (other == id_)


@given(IDS, IDS, NUMBERS, NUMBERS)
def test_if_match_compares_the_entire_tag_of_a_resource_without_counters(
    id_: str, other: str, revision: int, later: int
) -> None:
    preconditions = read_preconditions({"if-match": f'"{id_}-{revision}"'})
    assert preconditions.holds(f'"{id_}-{revision}"')
    assert preconditions.holds(f'"{id_}-{later}"') is (later == revision)
    assert preconditions.holds(f'"{other}-{revision}"') is (other == id_)


@given(IDS, NUMBERS, NUMBERS)
def test_if_none_match_compares_id_revision_and_counters(id_: str, revision: int, counters: int) -> None:
    preconditions = read_preconditions({"if-none-match": f'"{id_}-{revision}-{counters}"'})
    assert preconditions.is_current(f'"{id_}-{revision}-{counters}"')
    assert not preconditions.is_current(f'"{id_}-{revision}-{counters + 1}"')
    assert not preconditions.is_current(f'"{id_}-{revision + 1}-{counters}"')
    assert not preconditions.is_current(f'"{id_}x-{revision}-{counters}"')


@pytest.mark.parametrize("header", ['"a-3-1", "a-4-1"', 'W/"a-4-0"', '"x","a-4-7"', "*", " * ", '"b-4-1"\t,\t"a-4-1" '])
def test_one_of_several_tags_must_match(header: str) -> None:
    assert read_preconditions({"if-match": header}).holds('"a-4-1"', counted=True)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "a-4-1",
        "4",
        '"4-1"',
        '"a-4"',
        '"a"',
        '"a-4-1',
        "'a-4-1'",
        '""',
        '"a-5-1"',
        '"a-44-1"',
        '"-4-1"',
        "**",
        '"*"',
    ],
)
def test_other_values_do_not_match(header: str) -> None:
    assert not read_preconditions({"if-match": header}).holds('"a-4-1"', counted=True)
    assert not read_preconditions({"if-none-match": header}).is_current('"a-4-1"')


def test_an_asterisk_matches_any_tag() -> None:
    assert read_preconditions({"if-none-match": "*"}).is_current('"a-1-0"')


@given(st.text(), st.integers(1, 99))
def test_an_arbitrary_header_causes_no_error(header: str, revision: int) -> None:
    preconditions = read_preconditions({"if-match": header, "if-none-match": header})
    preconditions.holds(f'"a-{revision}"')
    preconditions.holds(f'"a-{revision}-0"', counted=True)
    preconditions.is_current(f'"a-{revision}-0"')
